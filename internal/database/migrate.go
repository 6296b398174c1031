package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"example.com/todo-backend/internal/connstring"
)

const (
	defaultQueueTimeout = time.Minute

	// Statements of the service queue behind a migration that waits for their
	// table, and those behind them for a connection, which they give up on
	// after a second.
	defaultLockTimeout = 500 * time.Millisecond

	// lockAttempts is how often a migration waits for a busy table.
	lockAttempts = 5

	// migrateTimeout is for all of a migration: indexes of large tables take
	// their time.
	migrateTimeout = 30 * time.Minute

	// migrateConnectTimeout covers a database that sleeps and has to wake.
	migrateConnectTimeout = 15 * time.Second
)

// MigrateConfig says which database is brought to which schema.
type MigrateConfig struct {
	// URL is the connection URL of the database. The tables are those of the
	// first schema in its search path, most often public.
	URL string

	// Schema is SQL that makes the wanted tables in an empty schema. It must
	// not begin or end transactions.
	Schema string

	// AllowDestructive applies also the changes that may lose data.
	AllowDestructive bool

	// QueueTimeout bounds the wait for other migrations of the database. 0
	// means a minute.
	QueueTimeout time.Duration

	// LockTimeout bounds each of a few waits for a table that others use. For
	// that long their next statements have to wait too. 0 means half a second.
	LockTimeout time.Duration

	// Logger gets each statement before it is applied, a warning for each one
	// that is left out, and the outcome. It must not be nil.
	Logger *slog.Logger
}

// Migrate brings the tables that a schema declares to what it declares them
// to be. It compares them with the database's as Atlas does, in a scratch
// schema, and applies the difference. All of it is one transaction, so an
// error, or the end of the process, at any point leaves the database as it
// was. The database's role needs the right to create schemas.
//
// Changes that are destructive are left out with a warning unless the config
// allows them: dropping a column, changing its type, and whatever else isn't
// known to be safe. Replacing an index or a check by another one of its name
// counts as safe, since it loses no data. Tables that the schema doesn't declare,
// and indexes, constraints, triggers and comments on its tables, belong to others
// and are left alone in any case, with a warning for those that can refuse a row.
// That includes what the schema used to declare: drop it by hand. Something of
// others by the name of a table makes Migrate fail and change nothing.
//
// A check that is new to a table holds for new rows at once, and for those that
// are there as soon as they have been looked at, in a transaction of its own that
// holds nobody up. Rows that break it are left, with a warning.
//
// Migrations of a database wait for one another. A busy table makes Migrate
// try a few times and then fail, rather than hold up everybody who needs the
// table. It fails too when the database can't be reached and when its rows
// don't fit a column or a unique index. No error contains the URL's password.
//
// Indexes are not built concurrently, as that can't be done in a transaction:
// a large table can't be written to meanwhile. To avoid that, create the index
// by hand first, with CONCURRENTLY and the name that the schema gives it.
func Migrate(ctx context.Context, cfg MigrateConfig) error {
	cfg.QueueTimeout = cmp.Or(cfg.QueueTimeout, defaultQueueTimeout)
	cfg.LockTimeout = cmp.Or(cfg.LockTimeout, defaultLockTimeout)
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()

	db, conn, err := connectForMigration(ctx, cfg.URL)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	defer conn.Close()

	m := &migration{cfg: cfg, conn: conn}
	if err := m.run(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// connectForMigration opens the one connection that a migration uses.
func connectForMigration(ctx context.Context, url string) (*sql.DB, *sql.Conn, error) {
	config, err := connstring.Parse(url)
	if err != nil {
		return nil, nil, fmt.Errorf("the URL of the database %w", err)
	}
	// Poolers needn't know of prepared statements, and few statements here run
	// more than once.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*config.ConnConfig)
	timeout := config.ConnConfig.ConnectTimeout // The URL's, for each address.
	for range config.ConnConfig.Fallbacks {
		timeout += config.ConnConfig.ConnectTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, max(migrateConnectTimeout, timeout))
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the database: %w", errors.Join(err, db.Close()))
	}
	return db, conn, nil
}

// migration is one call of Migrate.
type migration struct {
	cfg    MigrateConfig
	conn   *sql.Conn
	tables []string // The tables that the schema declares, once it was read.
	checks []string // The names of their checks.
}

// run makes attempts until one doesn't fail for a busy table.
func (m *migration) run(ctx context.Context) error {
	// What has queued up behind an attempt gets its turn before the next.
	pause := time.NewTimer(0)
	defer pause.Stop()
	for attempt := 1; ; attempt++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		err := m.attempt(ctx)
		switch {
		case err == nil:
			return m.validateChecks(ctx)
		case !hasState(err, lockNotAvailable, deadlockDetected):
			return err
		case attempt == lockAttempts:
			return m.busyError(ctx, err)
		}
		m.cfg.Logger.InfoContext(ctx, "a table is busy, trying again", "attempt", attempt, "cause", err)
		pause.Reset(2 * m.cfg.LockTimeout)
	}
}

// attempt does everything in one transaction.
func (m *migration) attempt(ctx context.Context) error {
	tx, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // Without effect after the commit.

	plan, err := m.plan(ctx, tx)
	if err != nil {
		return err
	}
	// All before the first: the log may block, and from then on tables are locked.
	for _, statement := range plan.apply {
		m.cfg.Logger.InfoContext(ctx, "applying a change", "statement", statement.Cmd)
	}
	for _, statement := range plan.apply {
		if _, err := tx.ExecContext(ctx, statement.Cmd, statement.Args...); err != nil {
			return fmt.Errorf("nothing was changed: %s: %w%s", statement.Comment, err, dependents(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit, run it again to see whether it took effect: %w", err)
	}
	m.report(ctx, plan)
	return nil
}

// plan compares the database with the wanted schema.
func (m *migration) plan(ctx context.Context, tx *sql.Tx) (*migrationPlan, error) {
	inspector, err := newInspector(ctx, tx)
	if err != nil {
		return nil, err
	}
	wanted, err := inspector.wanted(ctx, m.cfg.Schema)
	if err != nil {
		return nil, err
	}
	m.tables = nil
	for _, table := range wanted.Tables {
		m.tables = append(m.tables, table.Name)
	}
	if len(m.tables) == 0 {
		return nil, errors.New("the wanted schema declares no tables")
	}
	current, err := inspector.current(ctx, m.tables)
	if err != nil {
		return nil, err
	}
	if err := inspector.checkKinds(ctx, m.tables); err != nil {
		return nil, err
	}
	if err := checkOwn(current, wanted, m.cfg.AllowDestructive); err != nil {
		return nil, err
	}
	others, err := inspector.others(ctx, current, m.tables)
	if err != nil {
		return nil, err
	}
	m.checks = declaredChecks(wanted)
	plan, err := newMigrationPlan(ctx, current, wanted, m.cfg.AllowDestructive)
	if err != nil {
		return nil, err
	}
	plan.others = append(plan.others, others...)
	return plan, nil
}

// report logs what a migration has done, and what not.
func (m *migration) report(ctx context.Context, plan *migrationPlan) {
	for _, statement := range plan.leaveOut {
		m.cfg.Logger.WarnContext(ctx, "left out a change that may lose data: --allow-destructive applies it", "statement", statement.Cmd)
	}
	for _, object := range plan.others {
		object.report(ctx, m.cfg.Logger)
	}
	if len(plan.apply) == 0 {
		m.cfg.Logger.InfoContext(ctx, "the database is up to date: nothing to apply", "left_out", len(plan.leaveOut))
		return
	}
	m.cfg.Logger.InfoContext(ctx, "the database has been migrated", "applied", len(plan.apply), "left_out", len(plan.leaveOut))
}
