package main

import (
	"regexp"
	"strings"
	"testing"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// todoBeforeTrash is the table of schema.sql as it was before todos had revisions.
const todoBeforeTrash = `
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
);`

// schemaBeforeTrash is that table with its indexes and a row.
const schemaBeforeTrash = todoBeforeTrash + `
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

// schemaBeforeDetails is the table as it was before todos had due dates, with rows, of which
// one is completed.
const schemaBeforeDetails = todoBeforeTrash + `
ALTER TABLE todo
    ADD revision   bigint  NOT NULL DEFAULT 0,
    ADD deleted_at timestamptz,
    ADD purged     boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT ck_todo_purged_is_deleted CHECK (NOT purged OR deleted_at IS NOT NULL);
CREATE INDEX ix_todo_user_id ON todo (user_id, revision, id);
INSERT INTO todo (title, user_id, is_completed) VALUES ('done', 'alice', true), ('open', 'alice', false)`

// TestTodosOfBeforeGetTheNewFields migrates such a table, and has processes of before and
// of now change the same todos.
func TestTodosOfBeforeGetTheNewFields(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmptyDatabase(t)
	pgtest.Exec(t, database, schemaBeforeDetails)
	logged := newLogs()
	environment := map[string]string{"DATABASE_URL": database}
	if err := run(t.Context(), []string{"migrate"}, func(name string) string { return environment[name] }, logged); err != nil {
		t.Fatal(err)
	}
	// No lock lasts while rows are read, or written anew.
	conn := pgtest.Connect(t, database)
	if got := pgtest.QueryText(t, conn, "SELECT count(*)::text FROM pg_attribute WHERE attrelid = 'todo'::regclass AND attnum > 10 AND (atthasdef OR attnotnull)"); got != "0" {
		t.Errorf("%s new columns have a default or a NOT NULL", got)
	}

	s := start(t, map[string]string{"DATABASE_URL": database})
	alice, _ := s.client(t, "Connect JSON", s.issuer.Token("alice"))
	byTitle := func() map[string]*todov1.Todo {
		todos := make(map[string]*todov1.Todo)
		page, err := alice.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.GetTodos() {
			todos[one.GetTitle()] = one
		}
		return todos
	}
	before := byTitle()
	if done := before["done"]; done == nil || !done.GetIsCompleted() || done.CompletedAt != nil || done.GetPosition() != derivedPosition(done) {
		t.Errorf("the todo of before is %v", done)
	}
	// Now sets, before resets without clearing, and now sets again.
	open := before["open"]
	update := func(req *todov1.UpdateTodoRequest) *todov1.Todo {
		t.Helper()
		req.Id = open.GetId()
		got, err := alice.UpdateTodo(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := update(&todov1.UpdateTodoRequest{IsCompleted: new(true), DueDate: new("2026-12-01"), AddTags: []string{"new"}})
	pgtest.ExecOn(t, conn, "UPDATE todo SET title = 'reopened', is_completed = false, updated_at = clock_timestamp() WHERE title = 'open'")
	if got := byTitle()["reopened"]; got == nil || got.CompletedAt != nil || got.GetDueDate() != "2026-12-01" || len(got.GetTags()) != 1 {
		t.Errorf("reopened by a process of before: %v", got)
	}
	if again := update(&todov1.UpdateTodoRequest{IsCompleted: new(true)}); !again.GetCompletedAt().AsTime().After(first.GetCompletedAt().AsTime()) {
		t.Errorf("completed again at %v, first at %v", again.GetCompletedAt().AsTime(), first.GetCompletedAt().AsTime())
	}
	// A process of before makes one, which has none of them.
	pgtest.ExecOn(t, conn, "INSERT INTO todo (user_id, id, title, created_at, revision, updated_at) VALUES ('alice', gen_random_uuid(), 'made by before', now(), 1, now())")
	if got := byTitle()["made by before"]; got == nil || got.GetPosition() != derivedPosition(got) || got.DueDate != nil || got.Priority != nil || len(got.GetTags()) != 0 {
		t.Errorf("made by a process of before: %v", got)
	}
}

// TestAccountsOfBeforeAreOpen migrates a table of before accounts had seals, and has a
// process of before write beside one of now.
func TestAccountsOfBeforeAreOpen(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, database)
	pgtest.ExecOn(t, conn, "ALTER TABLE todo_account DROP COLUMN sealed; INSERT INTO todo_account (user_id, revision) VALUES ('alice', 1)")
	const file = "SELECT pg_relation_filenode('todo_account')::text"
	before := pgtest.QueryText(t, conn, file)
	environment := map[string]string{"DATABASE_URL": database}
	if err := run(t.Context(), []string{"migrate"}, func(name string) string { return environment[name] }, newLogs()); err != nil {
		t.Fatal(err)
	}
	if pgtest.QueryText(t, conn, file) != before {
		t.Error("the table was written anew, under its lock")
	}
	s := start(t, environment)
	alice, _ := s.client(t, "Connect JSON", s.issuer.Token("alice"))
	created(t, alice, "by now")
	pgtest.ExecOn(t, conn, "INSERT INTO todo_account AS mine (user_id, revision) VALUES ('alice', 1), ('bob', 1) ON CONFLICT (user_id) DO UPDATE SET revision = mine.revision + 1")
	created(t, alice, "by now, after before")
}
