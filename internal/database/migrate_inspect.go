package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	atlas "ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

// inspector reads schemas into Atlas's terms, within a transaction.
type inspector struct {
	tx    *sql.Tx
	atlas schema.Inspector
}

// newInspector returns an inspector that lives as long as the transaction.
func newInspector(ctx context.Context, tx *sql.Tx) (*inspector, error) {
	driver, err := atlas.Open(boundedTx{Tx: tx, ctx: ctx})
	if err != nil {
		return nil, fmt.Errorf("read the server's version: %w", err)
	}
	return &inspector{tx: tx, atlas: driver}, nil
}

// wanted returns the schema that SQL declares. It executes the SQL in a scratch
// schema, which it undoes: nobody else ever sees it, and nothing of it is left
// when the process is killed.
func (i *inspector) wanted(ctx context.Context, sql string) (*schema.Schema, error) {
	const begin = `
		SAVEPOINT todod_scratch;
		CREATE SCHEMA todod_scratch;
		SELECT set_config('search_path', concat_ws(', ', 'todod_scratch', nullif(current_setting('search_path'), '')), true)`
	_, err := i.tx.ExecContext(ctx, begin)
	if hasState(err, insufficientPrivilege) {
		return nil, fmt.Errorf("the database's role needs the right to create schemas, to compare in one: "+
			"GRANT CREATE ON DATABASE ... TO ..., or migrate as the database's owner: %w", err)
	}
	if hasState(err, readOnly) {
		return nil, fmt.Errorf("the database takes no writes: it is a standby, or default_transaction_read_only is on for it or the role: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("create a scratch schema: %w", err)
	}
	if _, err := i.tx.ExecContext(ctx, sql); err != nil {
		return nil, fmt.Errorf("execute the wanted schema: %w", err)
	}
	wanted, err := i.atlas.InspectSchema(ctx, "todod_scratch", nil)
	if err != nil {
		return nil, fmt.Errorf("inspect the wanted schema: %w", err)
	}
	// This also restores the search path.
	if _, err := i.tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT todod_scratch`); err != nil {
		return nil, fmt.Errorf("drop the scratch schema: %w", err)
	}
	return wanted, nil
}

// current returns what the database's current schema has of the given tables,
// and all of its enum types. There must be at least one table: Atlas takes
// none for all.
func (i *inspector) current(ctx context.Context, tables []string) (*schema.Schema, error) {
	current, err := i.atlas.InspectSchema(ctx, "", &schema.InspectOptions{Tables: tables})
	if schema.IsNotExistError(err) {
		return nil, errors.New("the database's search_path names no schema that exists: create one, such as public, or correct search_path")
	}
	if err != nil {
		return nil, fmt.Errorf("inspect the database: %w", err)
	}
	return current, nil
}

// boundedTx gives statements the migration's context in place of their own:
// Atlas executes some with one that never ends.
type boundedTx struct {
	*sql.Tx
	ctx context.Context //nolint:containedctx // For statements that bring a wrong one.
}

// ExecContext implements [schema.ExecQuerier].
func (b boundedTx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	return b.Tx.ExecContext(b.ctx, query, args...)
}

// QueryContext implements [schema.ExecQuerier].
func (b boundedTx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return b.Tx.QueryContext(b.ctx, query, args...)
}

// collect returns the rows of a query. Columns says where those of a row go.
func collect[T any](ctx context.Context, on schema.ExecQuerier, columns func(*T) []any, query string, args ...any) (all []T, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := rows.Scan(columns(&row)...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
