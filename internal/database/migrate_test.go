package database_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// oldSchema is a todo table as an earlier version might have made it: it lacks
// a column, a check and an index that schema.sql has.
const oldSchema = `
	CREATE TABLE todo (
	    id           uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
	    title        varchar(500) NOT NULL,
	    is_completed boolean      NOT NULL DEFAULT false,
	    user_id      varchar(255) NOT NULL CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> ''),
	    created_at   timestamptz  NOT NULL DEFAULT now(),
	    updated_at   timestamptz  NOT NULL DEFAULT now()
	);
	CREATE INDEX ix_todo_user_id ON todo (user_id);
	INSERT INTO todo (title, user_id) VALUES ('kept', 'u')`

// betterAuthSchema is what Better Auth keeps in a database that it shares.
const betterAuthSchema = `
	CREATE TABLE "user" (id text PRIMARY KEY, email text NOT NULL UNIQUE, "createdAt" timestamptz NOT NULL DEFAULT now());
	CREATE TABLE session (id text PRIMARY KEY, token text NOT NULL UNIQUE, "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE);
	CREATE TABLE account (id text PRIMARY KEY, "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE);
	CREATE TABLE verification (id text PRIMARY KEY, value text NOT NULL);
	CREATE TABLE jwks (id text PRIMARY KEY, "publicKey" text NOT NULL, "privateKey" text NOT NULL);
	CREATE INDEX "session_userId_idx" ON session ("userId");
	CREATE VIEW active AS SELECT u.id FROM "user" u JOIN session s ON s."userId" = u.id;
	INSERT INTO "user" (id, email) VALUES ('u', 'u@example.com');
	INSERT INTO session VALUES ('s', 't', 'u')`

func TestMigrateMakesWhatTheSchemaMakes(t *testing.T) {
	t.Parallel()
	want := catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t)))
	for name, before := range map[string]string{
		"from nothing":                      "",
		"from an older table":               oldSchema,
		"beside Better Auth's tables":       betterAuthSchema,
		"from schema.sql itself":            todobackend.Schema,
		"from another index of that name":   todobackend.Schema + "; DROP INDEX ix_todo_user_id; CREATE INDEX ix_todo_user_id ON todo (title)",
		"from lists without a trash":        todobackend.Schema + "; DROP INDEX ix_todo_user_id_created_at; CREATE INDEX ix_todo_user_id_created_at ON todo (user_id, created_at DESC, id DESC)",
		"from another check of that name":   todobackend.Schema + "; ALTER TABLE todo DROP CONSTRAINT ck_todo_user_id_not_empty, ADD CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> 'x')",
		"from other defaults and nullables": todobackend.Schema + "; ALTER TABLE todo ALTER is_completed DROP DEFAULT, ALTER created_at SET DEFAULT 'epoch', ALTER title DROP NOT NULL",
		"from a schema with a comment":      "COMMENT ON SCHEMA public IS 'whose'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := pgtest.NewEmptyDatabase(t)
			connection := pgtest.Connect(t, databaseURL)
			pgtest.ExecOn(t, connection, before)

			logged := migrate(t, database.MigrateConfig{URL: databaseURL})
			if diff := cmp.Diff(want, catalog(t, connection)); diff != "" {
				t.Errorf("table (-schema.sql +migrated):\n%s", diff)
			}
			if got := logged.statements(slog.LevelWarn); len(got) != 0 {
				t.Errorf("left out %q", got)
			}
			again := migrate(t, database.MigrateConfig{URL: databaseURL})
			if got := again.statements(slog.LevelInfo); len(got) != 0 {
				t.Errorf("the second run applied %q", got)
			}
			if !again.says("up to date") {
				t.Errorf("the second run doesn't say that it had nothing to do: %v", again)
			}
			if got := schemas(t, connection); got != "public" {
				t.Errorf("schemas left: %s", got)
			}
		})
	}
}

func TestMigrateKeepsRows(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, connection, oldSchema)
	before := pgtest.QueryText(t, connection, `SELECT concat_ws(' ', id, title, user_id, created_at) FROM todo`)
	logged := migrate(t, database.MigrateConfig{URL: databaseURL})
	if after := pgtest.QueryText(t, connection, `SELECT concat_ws(' ', id, title, user_id, created_at) FROM todo`); after != before {
		t.Errorf("row %q became %q", before, after)
	}
	applied := strings.Join(logged.statements(slog.LevelInfo), "\n")
	for _, part := range []string{`"description"`, "ck_todo_title_not_blank", "ix_todo_user_id_created_at"} {
		if !strings.Contains(applied, part) {
			t.Errorf("no logged statement has %s:\n%s", part, applied)
		}
	}
}

func TestMigrateLeavesTablesOfOthersAlone(t *testing.T) {
	t.Parallel()
	const all = `
		SELECT string_agg(what, E'\n' ORDER BY what) FROM (
		    SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) AS what
		      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		     WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND c.relname !~ 'todo'
		    UNION ALL SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ 'todo'
		    UNION ALL SELECT concat_ws(' ', 'type', typname, oid) FROM pg_type WHERE typtype = 'e'
		    UNION ALL SELECT concat_ws(' ', 'row', id, email, plan) FROM "user"
		    UNION ALL SELECT concat_ws(' ', 'row', id, token) FROM session) everything`
	for name, cfg := range map[string]database.MigrateConfig{
		"by default":                           {},
		"when destructive changes are allowed": {AllowDestructive: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.URL = pgtest.NewEmptyDatabase(t)
			connection := pgtest.Connect(t, cfg.URL)
			pgtest.ExecOn(t, connection, betterAuthSchema+`;
				CREATE TYPE tier AS ENUM ('free', 'paid');
				CREATE TYPE unused AS ENUM ('a');
				ALTER TABLE "user" ADD plan tier DEFAULT 'free'`)
			before := pgtest.QueryText(t, connection, all)
			migrate(t, cfg)
			migrate(t, cfg)
			if diff := cmp.Diff(before, pgtest.QueryText(t, connection, all)); diff != "" {
				t.Errorf("others' tables (-before +after):\n%s", diff)
			}
		})
	}
}

func TestMigrateKeepsATableThatIsDeclaredNoMore(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewDatabase(t), Schema: "CREATE TABLE other (id int)", AllowDestructive: true}
	connection := pgtest.Connect(t, cfg.URL)
	before := catalog(t, connection)
	migrate(t, cfg)
	if diff := cmp.Diff(before, catalog(t, connection)); diff != "" {
		t.Errorf("table (-before +after):\n%s", diff)
	}
}

func TestMigrateRefusesASchemaWithoutTables(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, connection, betterAuthSchema)
	_, err := tryMigrate(t, database.MigrateConfig{URL: databaseURL, Schema: "SELECT 1", AllowDestructive: true})
	if err == nil || !strings.Contains(err.Error(), "no tables") {
		t.Errorf("error %v, want one about no tables", err)
	}
	if got := pgtest.QueryText(t, connection, `SELECT count(*)::text FROM session`); got != "1" {
		t.Errorf("%s sessions, want 1", got)
	}
}

func TestMigrateLeavesOutWhatMayLoseData(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before   string
		schema   string
		leaveOut []string
		apply    []string
	}{
		"a column that isn't declared": {
			before:   todobackend.Schema + `; ALTER TABLE todo ADD urgency int; DROP INDEX ix_todo_user_id`,
			leaveOut: []string{`ALTER TABLE "public"."todo" DROP COLUMN "urgency"`},
			apply:    []string{`CREATE INDEX "ix_todo_user_id" ON "public"."todo" ("user_id", "revision", "id")`},
		},
		"two columns": {
			before: todobackend.Schema + `; ALTER TABLE todo ADD a int, ADD b int`,
			leaveOut: []string{
				`ALTER TABLE "public"."todo" DROP COLUMN "a"`,
				`ALTER TABLE "public"."todo" DROP COLUMN "b"`,
			},
		},
		"another type": {
			before:   todobackend.Schema + `; ALTER TABLE todo ALTER created_at TYPE timestamp`,
			leaveOut: []string{`ALTER TABLE "public"."todo" ALTER COLUMN "created_at" TYPE timestamptz`},
		},
		"a shorter text": {
			before:   todobackend.Schema + `; ALTER TABLE todo ALTER description TYPE text`,
			leaveOut: []string{`ALTER TABLE "public"."todo" ALTER COLUMN "description" TYPE character varying(2000)`},
		},
		"another primary key": {
			before:   `CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT t_pkey PRIMARY KEY (a))`,
			schema:   `CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT t_pkey PRIMARY KEY (a, b))`,
			leaveOut: []string{`ALTER TABLE "public"."t" DROP CONSTRAINT "t_pkey", ADD PRIMARY KEY ("a", "b")`},
		},
		"another type with a default that the old one can't be compared with": {
			before:   `CREATE TABLE t (a varchar(3) DEFAULT lower('X'))`,
			schema:   `CREATE TABLE t (a boolean DEFAULT (random() > 1))`,
			leaveOut: []string{`ALTER TABLE "public"."t" ALTER COLUMN "a" TYPE boolean, ALTER COLUMN "a" SET DEFAULT (random() > (1)::double precision)`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), Schema: test.schema}
			pgtest.Exec(t, cfg.URL, test.before)
			logged := migrate(t, cfg)
			if diff := cmp.Diff(test.leaveOut, logged.statements(slog.LevelWarn)); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.apply, logged.statements(slog.LevelInfo)); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
			if !logged.says("--allow-destructive") {
				t.Errorf("no line names the flag: %v", logged)
			}
		})
	}
}

func TestMigrateAppliesWhatMayLoseDataWhenAllowed(t *testing.T) {
	t.Parallel()
	cfg := database.MigrateConfig{URL: pgtest.NewEmptyDatabase(t), AllowDestructive: true}
	connection := pgtest.Connect(t, cfg.URL)
	pgtest.ExecOn(t, connection, todobackend.Schema+`;
		ALTER TABLE todo ADD urgency int, ALTER description TYPE text, ALTER created_at TYPE timestamp;
		INSERT INTO todo (title, user_id, description) VALUES ('kept', 'u', 'd')`)
	logged := migrate(t, cfg)
	if got := logged.statements(slog.LevelWarn); len(got) != 0 {
		t.Errorf("left out %q", got)
	}
	if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, connection)); diff != "" {
		t.Errorf("table (-schema.sql +migrated):\n%s", diff)
	}
	if got := pgtest.QueryText(t, connection, `SELECT concat_ws(' ', title, user_id, description) FROM todo`); got != "kept u d" {
		t.Errorf("the row is %q", got)
	}
}

func TestMigrateWorksInTheFirstSchemaOfTheSearchPath(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, connection, `CREATE TABLE todo (whose text); CREATE SCHEMA "My app"; SET search_path = "My app"`)
	logged := migrate(t, database.MigrateConfig{URL: pgtest.WithParameter(databaseURL, "search_path", `"My app",public`)})
	if got := logged.statements(slog.LevelWarn); len(got) != 0 {
		t.Errorf("left out %q", got)
	}
	if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, connection)); diff != "" {
		t.Errorf("table (-schema.sql +migrated):\n%s", diff)
	}
	got := pgtest.QueryText(t, connection, `SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_schema = 'public'`)
	if got != "whose" {
		t.Errorf("the table of the same name in public has columns %s", got)
	}
}

func TestMigrateChangesNothingWhenAStatementFails(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	pgtest.ExecOn(t, connection, oldSchema+`; ALTER TABLE todo ALTER title DROP NOT NULL; INSERT INTO todo (user_id) VALUES ('u')`)
	before := catalog(t, connection)
	_, err := tryMigrate(t, database.MigrateConfig{URL: databaseURL})
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), `"title"`) {
		t.Errorf("error %v, want one that names the column and says that nothing was changed", err)
	}
	if diff := cmp.Diff(before, catalog(t, connection)); diff != "" {
		t.Errorf("table (-before +after):\n%s", diff)
	}
}

func TestMigrateSaysWhatARoleLacks(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewEmptyDatabase(t)
	connection := pgtest.Connect(t, databaseURL)
	role := connection.Config().Database + "_role" // As unique as the database's name.
	if _, err := connection.Exec(t.Context(), "CREATE ROLE "+role); err != nil {
		t.Skipf("needs a server where roles can be made: %v", err)
	}
	t.Cleanup(func() { _, _ = connection.Exec(context.Background(), "DROP ROLE "+role) })
	_, err := tryMigrate(t, database.MigrateConfig{URL: pgtest.WithParameter(databaseURL, "options", "-c role="+role)})
	if err == nil || !strings.Contains(err.Error(), "GRANT CREATE ON DATABASE") {
		t.Errorf("error %v, want one that says what to grant", err)
	}
}

func TestMigrateErrorsContainNoPassword(t *testing.T) {
	t.Parallel()
	const secret = "canary"
	for name, databaseURL := range map[string]string{
		"nobody listens":       "postgres://u:canary@127.0.0.1:1/db",
		"not a URL":            "postgres://u:canary@[::1/db",
		"an unescaped slash":   "postgres://u:can/canary@127.0.0.1:1/db",
		"an unescaped percent": "postgres://u:%canary@127.0.0.1:1/db",
		"a bad parameter":      "postgres://u:canary@127.0.0.1:1/db?sslmode=canary",
		"keywords":             "host=127.0.0.1 port=x password=canary",
		"empty":                "://canary",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logged, err := tryMigrate(t, database.MigrateConfig{URL: databaseURL})
			if err == nil {
				t.Fatal("no error")
			}
			if text := fmt.Sprint(err, logged); strings.Contains(text, secret) {
				t.Errorf("the password is in %q", text)
			}
		})
	}
}

// logLines is what a migration logged.
type logLines []logLine

type logLine struct {
	Level      slog.Level
	Msg        string
	Statement  string
	Kind, Name string
	Check      string
}

// statements returns the SQL logged at a level, in order.
func (l logLines) statements(level slog.Level) (found []string) {
	for _, line := range l {
		if line.Level == level && line.Statement != "" {
			found = append(found, line.Statement)
		}
	}
	return found
}

// says reports whether a message contains the text.
func (l logLines) says(text string) bool {
	for _, line := range l {
		if strings.Contains(line.Msg, text) {
			return true
		}
	}
	return false
}

// migrate runs a migration that must succeed, to schema.sql unless the config
// has another schema.
func migrate(t *testing.T, cfg database.MigrateConfig) logLines {
	t.Helper()
	logged, err := tryMigrate(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return logged
}

func tryMigrate(t *testing.T, cfg database.MigrateConfig) (logLines, error) {
	t.Helper()
	var output bytes.Buffer
	cfg.Logger = slog.New(slog.NewJSONHandler(&output, nil))
	if cfg.Schema == "" {
		cfg.Schema = todobackend.Schema
	}
	err := database.Migrate(t.Context(), cfg)
	var logged logLines
	for decoder := json.NewDecoder(&output); decoder.More(); {
		var line logLine
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		logged = append(logged, line)
	}
	return logged, err
}

// catalog describes the table todo of the current schema.
func catalog(t *testing.T, connection *pgx.Conn) string {
	t.Helper()
	return pgtest.QueryText(t, connection, `
		WITH todo AS (SELECT oid FROM pg_class WHERE relname = 'todo' AND relnamespace = quote_ident(current_schema())::regnamespace)
		SELECT string_agg(what, E'\n' ORDER BY what) FROM (
		    SELECT concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) AS what
		      FROM pg_attribute JOIN todo ON attrelid = todo.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		     WHERE attnum > 0 AND NOT attisdropped
		    UNION ALL SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c JOIN todo ON conrelid = todo.oid
		    UNION ALL SELECT replace(concat_ws(' ', 'index', pg_get_indexdef(indexrelid)), quote_ident(current_schema()) || '.', '')
		      FROM pg_index JOIN todo ON indrelid = todo.oid) everything`)
}

// schemas lists the schemas that PostgreSQL didn't bring.
func schemas(t *testing.T, connection *pgx.Conn) string {
	t.Helper()
	return pgtest.QueryText(t, connection, `SELECT string_agg(nspname, ',') FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`)
}
