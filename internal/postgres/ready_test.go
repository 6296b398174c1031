package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// operations runs each of the store's operations, and returns the errors that
// mean that the database can't serve.
func operations(ctx context.Context, store *postgres.Store, owner todo.UserID) error {
	made := draft("t")
	_, createErr := store.CreateTodo(ctx, owner, made)
	_, againErr := store.CreateTodo(ctx, owner, made)
	_, getErr := store.GetTodo(ctx, owner, *made.ID)
	_, listErr := store.ListTodos(ctx, owner, todo.Query{Size: 1})
	_, updateErr := store.UpdateTodo(ctx, owner, *made.ID, todo.Change{Title: new("u")})
	detailed := draft("t")
	detailed.Due, detailed.Priority = todo.Due{Date: "2026-12-01", Time: "09:00", Zone: "Europe/Berlin"}, todo.HighPriority
	detailed.Tags, detailed.Position = todo.Tags{"home"}, "a0"
	_, detailedErr := store.CreateTodo(ctx, owner, detailed)
	_, redetailedErr := store.UpdateTodo(ctx, owner, *detailed.ID, todo.Change{IsCompleted: new(true), Due: todo.DueChange{Date: new("")}, Position: new("")})
	deleteErr := store.DeleteTodo(ctx, owner, *made.ID, todo.Deletion{})
	_, undeleteErr := store.UndeleteTodo(ctx, owner, *made.ID, todo.Version{})
	purgeErr := store.DeleteTodo(ctx, owner, *made.ID, todo.Deletion{Permanently: true})
	emptyErr := store.EmptyTrash(ctx, owner)
	_, changesErr := store.ListChanges(ctx, owner, nil, 1)
	_, sweepErr := store.Sweep(ctx)
	return errors.Join(createErr, againErr, getErr, listErr, updateErr, detailedErr, redetailedErr, deleteErr, undeleteErr, purgeErr, emptyErr, changesErr, sweepErr)
}

// TestReadyMeansAble has databases that can't serve, and some that can although
// they are unlike schema.sql. Ready says so, and the operations agree.
func TestReadyMeansAble(t *testing.T) {
	t.Parallel()
	const (
		grantsOnOthers = "GRANT SELECT, INSERT, UPDATE, DELETE ON todo_account TO app; GRANT SELECT, INSERT, UPDATE, DELETE ON todo_request TO app"
		grants         = grantsOnOthers + "; GRANT SELECT, INSERT, UPDATE, DELETE ON todo TO app"
	)
	for name, test := range map[string]struct {
		sql  string // As the database's owner; app is the role that the store connects as.
		want string // In the cause; empty when it can serve.
		able bool   // It could, and is refused nevertheless.
	}{
		"all is well":            {sql: grants},
		"rights by the column":   {sql: grantsOnOthers + "; GRANT SELECT (id, title, description, is_completed, user_id, created_at, updated_at, revision, deleted_at, purged, completed_at, due_date, due_time, due_time_zone, due_at, priority, tags, position), INSERT (user_id, id, title, description, created_at, updated_at, revision, due_date, due_time, due_time_zone, due_at, priority, tags, position), UPDATE (id, title, description, is_completed, created_at, updated_at, revision, deleted_at, purged, completed_at, due_date, due_time, due_time_zone, due_at, priority, tags, position), DELETE ON todo TO app"},
		"rights by another role": {sql: "GRANT pg_read_all_data, pg_write_all_data TO app"},
		"more columns":           {sql: grants + "; ALTER TABLE todo ADD urgency int NOT NULL DEFAULT 0, ADD note text, ADD n int GENERATED ALWAYS AS IDENTITY"},
		"longer texts":           {sql: grants + "; ALTER TABLE todo ALTER title TYPE text, ALTER created_at TYPE timestamptz(3)"},
		"partitions by id":       {sql: "DROP TABLE todo; CREATE TABLE todo (LIKE was INCLUDING ALL) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF todo FOR VALUES WITH (MODULUS 1, REMAINDER 0); " + grants},
		"a policy for it":        {sql: grants + "; ALTER TABLE todo ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON todo TO app USING (true)"},
		"another schema that search_path names": {sql: "CREATE SCHEMA store; ALTER TABLE todo SET SCHEMA store; ALTER TABLE todo_account SET SCHEMA store; ALTER TABLE todo_request SET SCHEMA store; GRANT USAGE ON SCHEMA store TO app; GRANT ALL ON store.todo, store.todo_account, store.todo_request TO app; " +
			"ALTER ROLE app IN DATABASE this SET search_path = store"},

		"no right at all": {sql: "", want: `the role lacks rights on the table: GRANT SELECT, INSERT, UPDATE, DELETE ON public.todo TO app`},
		"no SELECT":       {sql: grants + "; REVOKE SELECT ON todo FROM app", want: "GRANT SELECT ON public.todo TO app"},
		"no INSERT":       {sql: grants + "; REVOKE INSERT ON todo FROM app", want: "GRANT INSERT ON public.todo TO app"},
		"no UPDATE":       {sql: grants + "; REVOKE UPDATE ON todo FROM app", want: "GRANT UPDATE ON public.todo TO app"},
		"no DELETE":       {sql: grants + "; REVOKE DELETE ON todo FROM app", want: "GRANT DELETE ON public.todo TO app"},
		"a column that it may not read": {
			sql:  grants + "; REVOKE SELECT ON todo FROM app; GRANT SELECT (id, title, description, is_completed, user_id, created_at) ON todo TO app",
			want: "GRANT SELECT ON public.todo TO app",
		},
		"a closed schema": {
			sql:  "CREATE SCHEMA store; ALTER TABLE todo SET SCHEMA store; GRANT ALL ON store.todo TO app; ALTER ROLE app IN DATABASE this SET search_path = store",
			want: "GRANT USAGE ON SCHEMA store TO app",
		},
		"another schema":   {sql: `CREATE SCHEMA "My app"; ALTER TABLE todo SET SCHEMA "My app"; GRANT USAGE ON SCHEMA "My app" TO app`, want: `in the schema "My app", which search_path doesn't name`},
		"no search_path":   {sql: grants + "; ALTER ROLE app IN DATABASE this SET search_path = ''", want: "in the schema public, which search_path doesn't name"},
		"no table":         {sql: "DROP TABLE todo", want: "there is no table todo: run todod migrate"},
		"a view":           {sql: "ALTER TABLE todo RENAME TO other; CREATE VIEW todo AS TABLE other; " + grants, want: "no ordinary table", able: true},
		"a foreign table":  {sql: "DROP TABLE todo; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE todo (id uuid, title text) SERVER s; " + grants, want: "no ordinary table"},
		"somebody else's":  {sql: "DROP TABLE todo; CREATE TABLE todo (id serial PRIMARY KEY, what text, done boolean); " + grants, want: "lacks columns (title, description, is_completed, user_id, created_at, updated_at, revision, deleted_at, purged, completed_at, due_date, due_time, due_time_zone, due_at, priority, tags, position)"},
		"a lacking column": {sql: grants + "; ALTER TABLE todo DROP description", want: "lacks columns (description)"},
		"another type of time": {
			sql:  grants + "; ALTER TABLE todo ALTER created_at TYPE timestamp",
			want: "columns of another type (created_at is timestamp without time zone)",
		},
		"another type of id":    {sql: "DROP TABLE todo CASCADE; CREATE TABLE todo (LIKE was INCLUDING ALL); ALTER TABLE todo ALTER id DROP DEFAULT, ALTER id TYPE text; " + grants, want: "(id is text)"},
		"no primary key":        {sql: grants + "; ALTER TABLE todo DROP CONSTRAINT todo_pkey", want: "no primary key on id"},
		"a deferrable one":      {sql: grants + "; ALTER TABLE todo DROP CONSTRAINT todo_pkey, ADD PRIMARY KEY (id) DEFERRABLE", want: "no primary key on id"},
		"no default":            {sql: grants + "; ALTER TABLE todo ALTER is_completed DROP DEFAULT", want: "needs a value for (is_completed)"},
		"no default epoch":      {sql: grants + "; ALTER TABLE todo_account ALTER epoch DROP DEFAULT", want: "needs a value for (epoch)"},
		"no accounts":           {sql: grants + "; DROP TABLE todo_account", want: "there is no table todo_account: run todod migrate"},
		"no right to accounts":  {sql: grants + "; REVOKE UPDATE ON todo_account FROM app", want: "GRANT UPDATE ON public.todo_account TO app"},
		"accounts by no key":    {sql: grants + "; ALTER TABLE todo_account DROP CONSTRAINT todo_account_pkey", want: "the table public.todo_account has no primary key on user_id"},
		"a column of others'":   {sql: grants + "; ALTER TABLE todo ADD list int NOT NULL", want: "needs a value for (list)"},
		"rows that are hidden":  {sql: grants + "; ALTER TABLE todo ENABLE ROW LEVEL SECURITY", want: "row-level security hides all rows"},
		"a default of no write": {sql: grants + "; ALTER ROLE app IN DATABASE this SET default_transaction_read_only = on", want: "default_transaction_read_only is on"},
		"two faults":            {sql: grants + "; REVOKE DELETE ON todo FROM app; ALTER TABLE todo DROP description", want: "lacks columns (description): run todod migrate, which says more; the role lacks rights on the table: GRANT DELETE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owners := pgtest.NewDatabase(t)
			conn := pgtest.Connect(t, owners)
			this := conn.Config().Database
			role := this + "_app"
			if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN"); err != nil {
				t.Skipf("needs a server where roles can be made: %v", err)
			}
			t.Cleanup(func() { _, _ = conn.Exec(context.Background(), "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role) })
			pgtest.ExecOn(t, conn, "CREATE TABLE was (LIKE todo INCLUDING ALL)")
			named := strings.NewReplacer(" app;", " "+role+";", "TO app", "TO "+role, "FROM app", "FROM "+role, "ROLE app", "ROLE "+role, "DATABASE this", "DATABASE "+this)
			pgtest.ExecOn(t, conn, named.Replace(strings.TrimPrefix(test.sql+";", ";")))

			store, log := openLogged(t, as(t, owners, role), 2)
			ableErr := operations(t.Context(), store, user(t, "u"))
			var err error
			for range 3 {
				err = store.Ready(t.Context())
			}
			if test.want == "" {
				if err != nil || ableErr != nil || log.String() != "" {
					t.Errorf("Ready: %v; operations: %v; log: %s", err, ableErr, log.String())
				}
				return
			}
			if want := named.Replace(test.want + ";"); err == nil || !errors.Is(err, todo.ErrUnavailable) || !strings.Contains(err.Error()+";", strings.TrimSuffix(want, ";")) {
				t.Errorf("Ready: %v, want %q", err, want)
			}
			if (ableErr == nil) != test.able {
				t.Errorf("the operations: %v", ableErr)
			}
			if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), `"level":"WARN","msg":"not ready: the database can't serve","cause":`) {
				t.Errorf("%d log lines, want one with the cause:\n%s", got, log.String())
			}
		})
	}
}

// as returns a database's URL for another role, whom the servers of tests trust.
func as(t *testing.T, databaseURL, role string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, needed := u.User.Password(); needed {
		t.Skip("needs a server that trusts everybody")
	}
	u.User = url.User(role)
	return u.String()
}

func TestTheLogSaysWhatIsMissingOnceForEachCause(t *testing.T) {
	t.Parallel()
	databaseURL := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, databaseURL)
	store, log := openLogged(t, databaseURL, 2)
	check := func(sql string, isReady bool) {
		t.Helper()
		pgtest.ExecOn(t, conn, sql)
		for range 3 {
			if err := store.Ready(t.Context()); (err == nil) != isReady {
				t.Errorf("after %s: Ready: %v", sql, err)
			}
		}
	}
	check("SELECT 1", true)
	check("ALTER TABLE todo RENAME TO other", false)
	check("ALTER TABLE other RENAME TO todo; ALTER TABLE todo RENAME description TO name", false)
	check("ALTER TABLE todo RENAME name TO description", true)
	check("ALTER TABLE todo RENAME TO other", false)
	var got []string
	for line := range strings.Lines(log.String()) {
		_, said, _ := strings.Cut(line, `"level":`)
		got = append(got, strings.TrimSpace(said))
	}
	want := []string{
		`"WARN","msg":"not ready: the database can't serve","cause":"there is no table todo: run todod migrate"}`,
		`"WARN","msg":"not ready: the database can't serve","cause":"the table public.todo lacks columns (description): run todod migrate, which says more"}`,
		`"INFO","msg":"the database can serve again"}`,
		`"WARN","msg":"not ready: the database can't serve","cause":"there is no table todo: run todod migrate"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// newDatabaseOf returns the URL of a database with another encoding.
func newDatabaseOf(t *testing.T, encoding string) string {
	t.Helper()
	template := pgtest.NewEmptyDatabase(t)
	server := pgtest.Connect(t, pgtest.ServerURL(t))
	name := pgtest.Connect(t, template).Config().Database + "_" + strings.ToLower(encoding)
	pgtest.ExecOn(t, server, "CREATE DATABASE "+name+" ENCODING '"+encoding+"' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { _, _ = server.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func TestADatabaseThatIsNotUTF8IsRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			databaseURL := newDatabaseOf(t, encoding)
			want := "encoding is \"" + encoding + "\" and must be UTF8"
			if err := database.Migrate(t.Context(), database.MigrateConfig{URL: databaseURL, Schema: todobackend.Schema, Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Migrate: %v, want %q", err, want)
			}
			if err := pgtest.ApplySchema(t.Context(), databaseURL); err != nil {
				t.Fatal(err)
			}
			store := open(t, databaseURL, 2)
			if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) || !strings.Contains(err.Error(), want) {
				t.Errorf("Ready: %v, want %q", err, want)
			}
			if _, err := store.CreateTodo(t.Context(), user(t, "u"), draft(strings.Repeat("é", 251))); !errors.Is(err, todo.ErrUnavailable) {
				t.Errorf("CreateTodo: %v, want ErrUnavailable", err)
			}
			if got := pgtest.QueryText(t, pgtest.Connect(t, databaseURL), "SELECT count(*)::text FROM todo"); got != "0" {
				t.Errorf("%s todos were stored", got)
			}
		})
	}
}

func TestALockedTableIsReady(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	pgtest.LockTable(t, url, "todo")
	if err := store.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
