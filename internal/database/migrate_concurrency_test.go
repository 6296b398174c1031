package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	atlas "ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // The database/sql driver "pgx".

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestFiveMigrationsAtOnceAllSucceedAndOneApplies(t *testing.T) {
	t.Parallel()
	for name, parameter := range map[string]string{
		"as the server begins transactions": "",
		// Its snapshot would be older than the wait for the others.
		"when transactions begin as repeatable read": "repeatable read",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t)}
			if parameter != "" {
				cfg.URL = pgtest.WithParameter(cfg.URL, "default_transaction_isolation", parameter)
			}
			var results [5]struct {
				logged logLines
				err    error
			}
			var running sync.WaitGroup
			for i := range results {
				running.Go(func() { results[i].logged, results[i].err = tryMigrate(t, cfg) })
			}
			running.Wait()
			appliers := 0
			for _, result := range results {
				if result.err != nil {
					t.Error(result.err)
				}
				if len(result.logged.statements(slog.LevelInfo)) > 0 {
					appliers++
				}
			}
			if appliers != 1 {
				t.Errorf("%d migrations applied something, want 1", appliers)
			}
			if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, pgtest.Connect(t, cfg.URL))); diff != "" {
				t.Errorf("table (-schema.sql +migrated):\n%s", diff)
			}
		})
	}
}

func TestMigrateGivesUpOnAMigrationOfAtlasThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	driver, err := atlas.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	locker, ok := driver.(schema.Locker)
	if !ok {
		t.Fatalf("%T is no locker", driver)
	}
	unlock, err := locker.Lock(t.Context(), "atlas_migrate_execute", 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg := database.MigrateConfig{URL: databaseURL, QueueTimeout: 20 * time.Millisecond}
	if _, err := tryMigrate(t, cfg); err == nil || !strings.Contains(err.Error(), "another migration") {
		t.Errorf("error %v, want one about another migration", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	migrate(t, cfg)
}

func TestMigrateGivesUpOnABusyTableAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), LockTimeout: 20 * time.Millisecond}
	connection := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, connection, oldSchema)
	before := catalog(t, connection)

	reader := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, reader, "BEGIN; SELECT FROM todo")
	pid := pgtest.QueryText(t, reader, "SELECT pg_backend_pid()::text")

	_, err := tryMigrate(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "busy") || !strings.Contains(err.Error(), pid) {
		t.Errorf("error %v, want one that says busy and names process %s", err, pid)
	}
	if diff := cmp.Diff(before, catalog(t, connection)); diff != "" {
		t.Errorf("table (-before +after):\n%s", diff)
	}
	pgtest.ExecOn(t, connection, "BEGIN; LOCK TABLE todo IN ROW EXCLUSIVE MODE NOWAIT; ROLLBACK")

	pgtest.ExecOn(t, reader, "ROLLBACK")
	migrate(t, cfg)
}

func TestStatementsOfOthersGetTheirTurnWhileAMigrationWaitsForABusyTable(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), LockTimeout: 20 * time.Millisecond}
	pgtest.Exec(t, cfg.URL, oldSchema)
	reader, other := pgtest.Connect(t, cfg.URL), pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, reader, "BEGIN; SELECT FROM todo")
	pgtest.ExecOn(t, other, "SET lock_timeout = '30s'")

	ended := make(chan error, 1)
	go func() {
		_, err := tryMigrate(t, cfg)
		ended <- err
	}()
	for {
		pgtest.ExecOn(t, other, "SELECT FROM todo")
		select {
		case err := <-ended:
			if err == nil {
				t.Error("the migration of a busy table succeeded")
			}
			return
		default:
		}
	}
}

func TestMigrateNeedsNoLockWhenThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewDatabase(t), LockTimeout: 20 * time.Millisecond}
	pgtest.Exec(t, cfg.URL, "BEGIN; LOCK TABLE todo IN ROW EXCLUSIVE MODE")
	migrate(t, cfg)
}

// TestMigrateHoldsNoTableWhileItLogs looks at each line for what is locked by then.
func TestMigrateHoldsNoTableWhileItLogs(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, connection, oldSchema)
	log := &lockedTables{t: t, connection: connection}
	err := database.Migrate(t.Context(), database.MigrateConfig{URL: databaseURL, Schema: todobackend.Schema, Logger: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	if log.lines < 3 {
		t.Errorf("%d lines, want two changes and the outcome at least", log.lines)
	}
}

// lockedTables is a log that wants no table to be locked.
type lockedTables struct {
	slog.Handler
	t          *testing.T
	connection *pgx.Conn
	lines      int
}

func (*lockedTables) Enabled(context.Context, slog.Level) bool { return true }

func (l *lockedTables) Handle(_ context.Context, line slog.Record) error {
	l.lines++
	locked := pgtest.QueryText(l.t, l.connection, `
		SELECT coalesce(string_agg(DISTINCT relation::regclass::text || ' ' || mode, ', '), '')
		FROM   pg_locks
		WHERE  relation = 'todo'::regclass AND mode <> 'AccessShareLock'`)
	if locked != "" {
		l.t.Errorf("%s: locked: %s", line.Message, locked)
	}
	return nil
}

func TestMigrateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{
		URL: pgtest.NewDatabase(t), LockTimeout: time.Minute, Schema: todobackend.Schema + "; ALTER TABLE todo ADD added int",
		Logger: slog.New(slog.DiscardHandler),
	}
	connection := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, connection, "BEGIN; SELECT FROM todo")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- database.Migrate(ctx, cfg) }()
	waitUntil(t, pgtest.Connect(t, cfg.URL), "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'todo'::regclass AND NOT granted)")
	cancel()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
}

// TestMigrateAsChild is not a test: it is the process that
// TestAKilledMigrationLeavesTheDatabaseAsItWas kills.
func TestMigrateAsChild(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: os.Getenv("MIGRATE_URL"), Schema: os.Getenv("MIGRATE_SCHEMA"), LockTimeout: time.Minute}
	if cfg.URL == "" {
		t.Skip("not started as a child")
	}
	migrate(t, cfg)
	t.Log("migrated")
}

func TestAKilledMigrationLeavesTheDatabaseAsItWas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schema string
		hold   string // What the migration has to wait for.
		until  string // A query for whether it does.
	}{
		"while it works in its scratch schema": {
			schema: todobackend.Schema + "; SELECT pg_advisory_xact_lock(1)",
			hold:   "SELECT pg_advisory_xact_lock(1)",
			until:  "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted)",
		},
		"when it has applied one change of two": {
			schema: todobackend.Schema + "; CREATE TABLE another (id int, added int)",
			hold:   "LOCK TABLE todo IN ACCESS SHARE MODE",
			until: `SELECT count(*) = 2 FROM pg_locks WHERE mode = 'AccessExclusiveLock'
				AND (relation = 'another'::regclass AND granted OR relation = 'todo'::regclass AND NOT granted)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := pgtest.NewEmptyDatabase(t)
			connection, holder := pgtest.Connect(t, databaseURL), pgtest.Connect(t, databaseURL)
			pgtest.ExecOn(t, connection, oldSchema+"; CREATE TABLE another (id int)")
			before := catalog(t, connection)
			pgtest.ExecOn(t, holder, "BEGIN; "+test.hold)

			var output bytes.Buffer
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMigrateAsChild$")
			child.Env = append(os.Environ(), "MIGRATE_URL="+databaseURL, "MIGRATE_SCHEMA="+test.schema)
			child.Stdout, child.Stderr = &output, &output
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			waitUntil(t, connection, test.until)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := child.Wait(); err == nil {
				t.Fatalf("the child ended by itself:\n%s", output.String())
			}
			// Its server process learns of the end when it is given the lock.
			pgtest.ExecOn(t, holder, "ROLLBACK")
			waitUntil(t, connection, "SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'")

			if diff := cmp.Diff(before, catalog(t, connection)); diff != "" {
				t.Errorf("table (-before +after the kill):\n%s", diff)
			}
			if got := pgtest.QueryText(t, connection, "SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'another'::regclass AND attnum > 0"); got != "id" {
				t.Errorf("table another has columns %s after the kill, want just id", got)
			}
			if got := schemas(t, connection); got != "public" {
				t.Errorf("schemas left: %s", got)
			}
			migrate(t, database.MigrateConfig{URL: databaseURL})
			if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, connection)); diff != "" {
				t.Errorf("table (-schema.sql +migrated):\n%s", diff)
			}
		})
	}
}

// waitUntil returns when a query says true.
func waitUntil(t *testing.T, connection *pgx.Conn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for reached := false; !reached; <-poll.C {
		if err := connection.QueryRow(ctx, query).Scan(&reached); err != nil {
			t.Fatalf("wait until %s: %v", query, err)
		}
	}
}
