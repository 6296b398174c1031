package database_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// everything describes the table todo, with triggers and comments.
const everything = `
	SELECT string_agg(what, E'\n' ORDER BY what) FROM (
	    SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid)) AS what FROM pg_constraint WHERE conrelid = 'todo'::regclass OR confrelid = 'todo'::regclass
	    UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = 'todo'::regclass
	    UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgrelid = 'todo'::regclass
	    UNION ALL SELECT concat_ws(' ', 'comment', objsubid, description) FROM pg_description
	               WHERE objoid IN ('todo'::regclass, 'ix_todo_user_id'::regclass, 'todo_pkey'::regclass)) everything`

// TestMigrateLeavesAloneWhatOthersMadeOnTheTable has an operator's objects on the
// table, and a schema that adds something of its own.
func TestMigrateLeavesAloneWhatOthersMadeOnTheTable(t *testing.T) {
	t.Parallel()
	const operators = `;
		CREATE TABLE "user" (id varchar(255) PRIMARY KEY);
		ALTER TABLE todo ADD CONSTRAINT their_fk FOREIGN KEY (user_id) REFERENCES "user" (id) ON DELETE CASCADE;
		CREATE TABLE attachment (todo_id uuid REFERENCES todo (id) ON DELETE CASCADE);
		CREATE INDEX their_index ON todo (title);
		CREATE INDEX their_expression ON todo (lower(title)) WHERE NOT is_completed;
		CREATE UNIQUE INDEX their_unique_index ON todo (user_id, title);
		ALTER TABLE todo ADD CONSTRAINT their_unique UNIQUE (title, id);
		ALTER TABLE todo ADD CONSTRAINT their_check CHECK (title <> 'x');
		ALTER TABLE todo ADD CHECK (length(title) < 400);
		ALTER TABLE todo ADD CONSTRAINT their_exclusion EXCLUDE USING btree (id WITH =);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER their_trigger BEFORE INSERT ON todo FOR EACH ROW EXECUTE FUNCTION f();
		COMMENT ON TABLE todo IS 'theirs'; COMMENT ON COLUMN todo.title IS 'theirs'; COMMENT ON INDEX ix_todo_user_id IS 'theirs'`
	for name, allowDestructive := range map[string]bool{"by default": false, "when destructive changes are allowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), AllowDestructive: allowDestructive}
			conn := pgtest.Connect(t, cfg.URL)
			pgtest.ExecOn(t, conn, todobackend.Schema+operators)
			before := pgtest.QueryText(t, conn, everything)
			var logged logLines
			for range 2 {
				logged = migrate(t, cfg)
			}
			if diff := cmp.Diff(before, pgtest.QueryText(t, conn, everything)); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			got := make(map[string]slog.Level)
			for _, line := range logged {
				if line.Name != "" {
					got[line.Kind+" "+line.Name] = line.Level
				}
				if strings.Contains(line.Statement, "DROP") {
					t.Errorf("the log speaks of %s", line.Statement)
				}
			}
			want := map[string]slog.Level{
				"foreign key their_fk": slog.LevelWarn, "unique index their_unique_index": slog.LevelWarn, "unique index their_unique": slog.LevelWarn,
				"check their_check": slog.LevelWarn, "check todo_title_check": slog.LevelWarn, "exclusion constraint their_exclusion": slog.LevelWarn,
				"trigger their_trigger": slog.LevelWarn, "index their_index": slog.LevelInfo, "index their_expression": slog.LevelInfo,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("left alone (-want +got):\n%s", diff)
			}
			if !logged.says("up to date") {
				t.Errorf("the second run doesn't say that it had nothing to do: %v", logged)
			}

			// The schema goes on.
			cfg.Schema = todobackend.Schema + "; ALTER TABLE todo ADD added int CHECK (added > 0); CREATE INDEX ix_added ON todo (added)"
			migrate(t, cfg)
			after := pgtest.QueryText(t, conn, everything)
			for part := range strings.SplitSeq(before, "\n") {
				if !strings.Contains(after, part) {
					t.Errorf("%s is gone", part)
				}
			}
			if !strings.Contains(after, "ix_added") || !strings.Contains(after, "todo_added_check CHECK ((added > 0))") {
				t.Errorf("the schema's own is not there:\n%s", after)
			}
		})
	}
}

func TestMigrateNamesWhatADroppedColumnIsNeededFor(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), AllowDestructive: true}
	conn := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, conn, todobackend.Schema+"; ALTER TABLE todo ADD urgency int; CREATE VIEW urgent AS SELECT urgency FROM todo")
	before := catalog(t, conn)
	_, err := tryMigrate(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), "view urgent depends on column urgency of table todo") {
		t.Errorf("error %v, want one that names the view", err)
	}
	if diff := cmp.Diff(before, catalog(t, conn)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestMigrateTakesNothingOfOthersForItsOwn(t *testing.T) {
	t.Parallel()
	const like = tableLikeIt
	for name, test := range map[string]struct{ before, want string }{
		"a view":              {like + "CREATE VIEW todo AS TABLE other", "todo is a view, and not of this service"},
		"a materialized view": {like + "CREATE MATERIALIZED VIEW todo AS TABLE other", "todo is a materialized view"},
		"a foreign table":     {"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE todo (id uuid, title text, user_id text) SERVER s", "todo is a foreign table"},
		"a partitioned table": {like + "CREATE TABLE todo (LIKE other INCLUDING ALL) PARTITION BY HASH (id)", "todo is a partitioned table"},
		"a sequence":          {"CREATE SEQUENCE todo", "todo is a sequence"},
		"a type":              {"CREATE TYPE todo AS (a int)", "todo is a composite type"},
		"an index":            {"CREATE TABLE a (b int); CREATE INDEX todo ON a (b)", "todo is an index"},
		"another table":       {"CREATE TABLE todo (id serial PRIMARY KEY, what text, done boolean)", "the table todo is not of this service (its id is serial, not uuid, it has no column title, it has no column user_id)"},
		"one column":          {"CREATE TABLE todo (whose text)", "it has no column id"},
		"an empty table":      {"CREATE TABLE todo ()", "it has no column id"},
		"another owner":       {"CREATE TABLE todo (id uuid PRIMARY KEY, title text NOT NULL, user_id int NOT NULL)", "its user_id is integer, not character varying"},
		"more that it needs":  {"CREATE TABLE todo (id uuid PRIMARY KEY, title text NOT NULL, user_id text NOT NULL, list_id int NOT NULL)", "each row of it needs a value for list_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, allowDestructive := range []bool{false, true} {
				if allowDestructive && name == "more that it needs" {
					continue // May be dropped then.
				}
				cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), AllowDestructive: allowDestructive}
				conn := pgtest.Connect(t, cfg.URL)
				pgtest.ExecOn(t, conn, test.before)
				const all = `SELECT string_agg(concat_ws(' ', relname, relkind, attname), ',' ORDER BY relname, attnum)
					FROM pg_class c LEFT JOIN pg_attribute a ON attrelid = c.oid WHERE relnamespace = 'public'::regnamespace`
				before := pgtest.QueryText(t, conn, all)
				_, err := tryMigrate(t, cfg)
				if err == nil || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if diff := cmp.Diff(before, pgtest.QueryText(t, conn, all)); diff != "" {
					t.Errorf("(-before +after):\n%s", diff)
				}
			}
		})
	}
}

// tableLikeIt makes a table as the schema's under another name.
const tableLikeIt = "CREATE TABLE other (id uuid PRIMARY KEY, title text NOT NULL, user_id text NOT NULL);"

func TestMigrateWarnsOfATableThatItsOwnHides(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewDatabase(t) // With a table in public.
	conn := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, conn, "CREATE SCHEMA app; INSERT INTO todo (title, user_id) VALUES ('kept', 'u')")
	cfg := database.MigrateConfig{URL: pgtest.WithParameter(databaseURL, "search_path", "app,public")}
	hides := func(logged logLines) bool {
		for _, line := range logged {
			if line.Level == slog.LevelWarn && line.Kind == "table" && line.Name == "public.todo" {
				return true
			}
		}
		return false
	}
	if logged := migrate(t, cfg); !hides(logged) {
		t.Errorf("no warning: %v", logged)
	}
	if got := pgtest.QueryText(t, conn, "SELECT concat((SELECT count(*) FROM public.todo), ' ', (SELECT count(*) FROM app.todo))"); got != "1 0" {
		t.Errorf("%s rows", got)
	}
	if logged := migrate(t, cfg); hides(logged) {
		t.Errorf("a warning each time: %v", logged)
	}
}

func TestAnOldTablesRowsThatBreakANewCheckAreLeftWithAWarning(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t)}
	conn := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, conn, oldSchema+`;
		INSERT INTO todo (title, user_id, created_at) VALUES ('odd', 'u', 'infinity'), (' ', 'u', now())`)
	broken := func(logged logLines) (checks []string) {
		for _, line := range logged {
			if line.Level == slog.LevelWarn && strings.Contains(line.Msg, "break a check") {
				checks = append(checks, line.Check)
			}
		}
		return checks
	}
	for run := range 2 {
		logged := migrate(t, cfg)
		if diff := cmp.Diff([]string{"ck_todo_created_at_in_range", "ck_todo_title_not_blank"}, broken(logged)); diff != "" {
			t.Errorf("run %d warns of (-want +got):\n%s", run, diff)
		}
	}
	if got := pgtest.QueryText(t, conn, "SELECT string_agg(title, ',' ORDER BY title) FROM todo"); got != " ,kept,odd" {
		t.Errorf("the rows are %q", got)
	}
	for _, row := range []string{"('t', 'u', 'infinity')", "(' ', 'u', now())"} {
		_, err := conn.Exec(t.Context(), "INSERT INTO todo (title, user_id, created_at) VALUES "+row)
		if failed, ok := errors.AsType[*pgconn.PgError](err); !ok || failed.Code != "23514" {
			t.Errorf("%s is taken: %v", row, err)
		}
	}

	// Once they are mended, the checks hold for all.
	pgtest.ExecOn(t, conn, "DELETE FROM todo WHERE title <> 'kept'")
	if logged := migrate(t, cfg); len(broken(logged)) > 0 {
		t.Errorf("still warns: %v", logged)
	}
	if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, conn)); diff != "" {
		t.Errorf("table (-schema.sql +migrated):\n%s", diff)
	}
	if got := migrate(t, cfg).statements(slog.LevelInfo); len(got) > 0 {
		t.Errorf("there is more to do: %q", got)
	}
}

// TestANewCheckIsValidatedWithoutHoldingWritersUp validates one while a transaction
// writes that doesn't end.
func TestANewCheckIsValidatedWithoutHoldingWritersUp(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewDatabase(t)}
	conn := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, conn, "ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range")
	pgtest.ExecOn(t, conn, "ALTER TABLE todo ADD CONSTRAINT ck_todo_created_at_in_range CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00') NOT VALID")
	writer := pgtest.Begin(t, cfg.URL, "INSERT INTO todo (title, user_id) VALUES ('t', 'u')")
	logged := migrate(t, cfg)
	if diff := cmp.Diff([]string{`ALTER TABLE public.todo VALIDATE CONSTRAINT "ck_todo_created_at_in_range"`}, logged.statements(slog.LevelInfo)); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, conn)); diff != "" {
		t.Errorf("table (-schema.sql +migrated):\n%s", diff)
	}
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Who changes the table is in the way, and a later run goes on.
	pgtest.ExecOn(t, conn, "ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range")
	pgtest.ExecOn(t, conn, "ALTER TABLE todo ADD CONSTRAINT ck_todo_created_at_in_range CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00') NOT VALID")
	tx := pgtest.Begin(t, cfg.URL, "LOCK TABLE todo IN SHARE UPDATE EXCLUSIVE MODE")
	cfg.LockTimeout = 1 // A nanosecond, which is as short as can be.
	if logged := migrate(t, cfg); !logged.says("run it again") {
		t.Errorf("no word of the check: %v", logged)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.LockTimeout = 0
	migrate(t, cfg)
}

func TestSessionDefaultsOfTheDatabaseChangeNoMigration(t *testing.T) {
	t.Parallel()
	want := catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t)))
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t)}
	conn := pgtest.Connect(t, cfg.URL) // With PostgreSQL's own.
	pgtest.ExecOn(t, conn, oldSchema)
	pgtest.OddDefaults(t, cfg.URL)
	logged := migrate(t, cfg)
	if got := logged.statements(slog.LevelWarn); len(got) > 0 {
		t.Errorf("left out %q", got)
	}
	if diff := cmp.Diff(want, catalog(t, conn)); diff != "" {
		t.Errorf("table (-schema.sql +migrated):\n%s", diff)
	}
	if got := migrate(t, cfg).statements(slog.LevelInfo); len(got) > 0 {
		t.Errorf("the second run applied %q", got)
	}

	// Timeouts are for the service's statements.
	pgtest.ExecOn(t, conn, fmt.Sprintf("ALTER DATABASE %[1]s SET statement_timeout = '2s'; ALTER DATABASE %[1]s SET idle_in_transaction_session_timeout = '2s'", conn.Config().Database))
	cfg.Schema = todobackend.Schema + "; SELECT pg_sleep(3)"
	migrate(t, cfg)

	pgtest.ExecOn(t, conn, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = on", conn.Config().Database))
	if _, err := tryMigrate(t, cfg); err == nil || !strings.Contains(err.Error(), "default_transaction_read_only is on") {
		t.Errorf("error %v, want one that says what refuses writes", err)
	}
}
