package main

import (
	"regexp"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// schemaBeforeTrash is schema.sql as it was before todos had revisions.
const schemaBeforeTrash = `
CREATE TABLE todo (
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    title        varchar(500) NOT NULL,
    description  varchar(2000),
    is_completed boolean      NOT NULL DEFAULT false,
    user_id      varchar(255) NOT NULL,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT todo_pkey PRIMARY KEY (id),
    CONSTRAINT ck_todo_title_not_blank CHECK (btrim(title, E' \t\n\r') <> ''),
    CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> ''),
    CONSTRAINT ck_todo_created_at_in_range CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT ck_todo_updated_at_in_range CHECK (updated_at >= '0001-01-01 00:00:00+00' AND updated_at < '10000-01-01 00:00:00+00')
);
CREATE INDEX ix_todo_user_id ON todo (user_id);
CREATE INDEX ix_todo_user_id_created_at ON todo (user_id, created_at DESC, id DESC);
INSERT INTO todo (title, user_id) VALUES ('old', 'alice')`

// TestIndexesMayBeBuiltBeforeTheMigration runs the SQL of docs/operations.md for large
// tables. The migration has no index left to build then.
func TestIndexesMayBeBuiltBeforeTheMigration(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmptyDatabase(t)
	pgtest.Exec(t, database, schemaBeforeTrash)
	sql := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(section(t, "Upgrade and rollback"))
	if sql == nil {
		t.Fatal("docs/operations.md has no SQL for the upgrade")
	}
	conn := pgtest.Connect(t, database)
	for statement := range strings.SplitSeq(strings.TrimSpace(sql[1]), ";\n") {
		pgtest.ExecOn(t, conn, statement) // One by one, as psql sends them: CONCURRENTLY needs that.
	}

	logged := newLogs()
	environment := map[string]string{"DATABASE_URL": database}
	if err := run(t.Context(), []string{"migrate"}, func(name string) string { return environment[name] }, logged); err != nil {
		t.Fatal(err)
	}
	ofTodo := regexp.MustCompile(`DROP INDEX|CREATE INDEX \S+ ON \S+todo\\" `)
	if text := logged.text(); ofTodo.MatchString(text) || !strings.Contains(text, "todo_account") {
		t.Errorf("the migration logs\n%s\nwant the table of accounts, and no index of todo", text)
	}
	s := start(t, map[string]string{"DATABASE_URL": database})
	alice, _ := s.client(t, "Connect JSON", s.issuer.Token("alice"))
	if res := synced(t, alice, ""); len(res.Todos) != 1 || res.Todos[0].Title != "old" {
		t.Errorf("Alice syncs %v, want the todo of before", res)
	}
}
