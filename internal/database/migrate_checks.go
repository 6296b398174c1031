package database

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
)

// checkViolation is the SQLSTATE of rows that a check doesn't allow.
const checkViolation = "23514"

// declaredChecks returns the names of all checks that a schema declares.
func declaredChecks(wanted *schema.Schema) (names []string) {
	for _, table := range wanted.Tables {
		for _, attr := range table.Attrs {
			if check, ok := attr.(*schema.Check); ok {
				names = append(names, check.Name)
			}
		}
	}
	return names
}

// validateChecks has the database look whether the rows that are there keep to
// the checks, where it hasn't yet. That may take long on a large table and, in
// contrast to adding a check that holds for all rows, is in nobody's way. Checks
// that rows break hold for all others as before.
func (m *migration) validateChecks(ctx context.Context) error {
	const query = `
		SELECT format('%I.%I', n.nspname, c.relname), o.conname
		  FROM pg_constraint o
		  JOIN pg_class c ON c.oid = o.conrelid
		  JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE o.contype = 'c' AND NOT o.convalidated
		   AND n.nspname = current_schema() AND c.relname = ANY($1) AND o.conname = ANY($2)
		 ORDER BY o.conname`
	type check struct{ table, name string }
	columns := func(c *check) []any { return []any{&c.table, &c.name} }
	checks, err := collect(ctx, m.conn, columns, query, m.tables, m.checks)
	if err != nil {
		return fmt.Errorf("look for new checks: %w", err)
	}
	for _, check := range checks {
		err := m.validate(ctx, "ALTER TABLE "+check.table+" VALIDATE CONSTRAINT "+pgx.Identifier{check.name}.Sanitize())
		switch {
		case hasState(err, checkViolation):
			m.cfg.Logger.WarnContext(ctx, "rows that were there break a check: it holds for new ones and for those that are changed", "check", check.name)
		case hasState(err, lockNotAvailable, deadlockDetected):
			m.cfg.Logger.WarnContext(ctx, "the table is busy, so the rows that were there haven't been looked at: run it again", "check", check.name)
		case err != nil:
			return fmt.Errorf("look whether rows keep to the check %s: %w", check.name, err)
		}
	}
	return nil
}

// validate runs a statement in a transaction of its own.
func (m *migration) validate(ctx context.Context, statement string) error {
	tx, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // Without effect after the commit.
	m.cfg.Logger.InfoContext(ctx, "applying a change", "statement", statement)
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return err
	}
	return tx.Commit()
}
