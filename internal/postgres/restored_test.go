package postgres_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// documented returns the statement of a section of docs/operations.md, with values for its
// variables.
func documented(t *testing.T, section string, values ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, content, _ := strings.Cut(string(text), "\n## "+section+"\n")
	content, _, _ = strings.Cut(content, "\n## ")
	_, block, _ := strings.Cut(content, "```sql\n")
	sql, _, isThere := strings.Cut(block, "```")
	if !isThere {
		t.Fatal("docs/operations.md has no statement in " + section)
	}
	return strings.NewReplacer(values...).Replace(sql)
}

// inTable returns a statement of a table of "Restoring one of several databases" that begins so,
// for a user.
func inTable(t *testing.T, begin string, owner todo.UserID) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, content, _ := strings.Cut(string(text), "\n## Restoring one of several databases\n")
	_, rest, isThere := strings.Cut(content, "`"+begin)
	if !isThere {
		t.Fatal("docs/operations.md has no statement that begins with " + begin)
	}
	sql, _, _ := strings.Cut(begin+rest, "`")
	return strings.ReplaceAll(sql, "SUBJECT", owner.String())
}

// sealRestored runs the statement of docs/operations.md, "Restoring one of several databases".
func sealRestored(t *testing.T, url string, owner todo.UserID) {
	t.Helper()
	pgtest.Exec(t, url, documented(t, "Restoring one of several databases", ":'user'", "'"+owner.String()+"'"))
}

// refuses wants a database to answer a user's calls with the reason that they are elsewhere.
func refuses(t *testing.T, store *postgres.Store, owner todo.UserID) {
	t.Helper()
	if page, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 10}); !errors.Is(err, todo.ErrMoving) {
		t.Errorf("a list: %d todos, %v, want ErrMoving", len(page.Todos), err)
	}
	if _, err := store.CreateTodo(t.Context(), owner, draft("new")); !errors.Is(err, todo.ErrMoving) {
		t.Errorf("a create: %v, want ErrMoving", err)
	}
}

// has wants a database to have a todo of a user, and no other one.
func has(t *testing.T, store *postgres.Store, owner todo.UserID, one todo.Todo) {
	t.Helper()
	page, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 10})
	if err != nil || len(page.Todos) != 1 || page.Todos[0].ID != one.ID {
		t.Errorf("there are %+v, %v, want %v", page.Todos, err, one.ID)
	}
}

// TestAUserWhoIsInTwoDatabasesAfterARestore has the source go back to before the move.
func TestAUserWhoIsInTwoDatabasesAfterARestore(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	one := create(t, d.from, d.mover, "t")
	run(t, d.move())
	pgtest.Exec(t, d.fromURL, "UPDATE todo_account SET sealed = 0 WHERE user_id = 'mover'; INSERT INTO todo (user_id, title) VALUES ('mover', 'old')")
	other := create(t, d.from, user(t, "other"), "another's")
	sealRestored(t, d.fromURL, d.mover)
	refuses(t, d.from, d.mover)
	has(t, d.to, d.mover, one)
	has(t, d.from, user(t, "other"), other)
	run(t, d.back())
	has(t, d.from, d.mover, one)
}

// TestAUserWhoIsInNoDatabaseAfterARestore has the target go back to before the move, and a
// backup of the source that has the user.
func TestAUserWhoIsInNoDatabaseAfterARestore(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"", "UPDATE todo_account SET sealed = 3 WHERE user_id = 'mover'", "UPDATE todo_account SET sealed = 0 WHERE user_id = 'mover'"} {
		d := newTwoDatabases(t)
		create(t, d.from, d.mover, "t")
		run(t, d.move())
		pgtest.Exec(t, d.toURL, "DELETE FROM todo WHERE user_id = 'mover'; "+account)
		if account == "" {
			pgtest.Exec(t, d.toURL, "DELETE FROM todo_account WHERE user_id = 'mover'")
		}
		sealRestored(t, d.toURL, d.mover)
		refuses(t, d.to, d.mover)

		backup, _ := newStore(t)
		one := create(t, backup, d.mover, "of the backup")
		move := d.move()
		move.From = backup
		run(t, move)
		has(t, d.to, d.mover, one)
		run(t, d.back())
		has(t, d.from, d.mover, one)
	}
}

// TestAUserWhoWasHandedOverToADatabaseThatWasRestored has the target go back to before the copy:
// to nothing of the user, and to todos of an earlier time there.
func TestAUserWhoWasHandedOverToADatabaseThatWasRestored(t *testing.T) {
	t.Parallel()
	for _, earlier := range []string{"", `
		INSERT INTO todo_account (user_id, revision) VALUES ('mover', 1);
		INSERT INTO todo (user_id, title) VALUES ('mover', 'old')`} {
		d := newTwoDatabases(t)
		one := create(t, d.from, d.mover, "t")
		dieAfter(t, d.move(), routedStep)
		pgtest.Exec(t, d.toURL, "DELETE FROM todo; DELETE FROM todo_account;"+earlier)
		d.refuses(t, d.move().Run, "to another database than this target")
		d.refuses(t, d.move().Abort, "to another database than this target")
		pgtest.Exec(t, d.fromURL, inTable(t, "UPDATE todo_account SET sealed = 1", d.mover))
		if err := d.move().Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		has(t, d.from, d.mover, one)
		if earlier != "" { // The row of those who are in two databases is for the user.
			sealRestored(t, d.toURL, d.mover)
		}
		run(t, d.move())
		has(t, d.to, d.mover, one)
	}
}

// TestAUserWhoWasLeavingADatabaseThatWasRestored has the source lose the user after the copy.
func TestAUserWhoWasLeavingADatabaseThatWasRestored(t *testing.T) {
	t.Parallel()
	for _, step := range []string{copiedStep, handedStep} {
		d := newTwoDatabases(t)
		one := create(t, d.from, d.mover, "t")
		dieAfter(t, d.move(), step)
		pgtest.Exec(t, d.fromURL, "DELETE FROM todo; DELETE FROM todo_account")
		sealRestored(t, d.fromURL, d.mover)
		pgtest.Exec(t, d.toURL, inTable(t, "UPDATE todo_account SET sealed = 0", d.mover))
		refuses(t, d.from, d.mover)
		has(t, d.to, d.mover, one)
		if _, caughtUp := follow(t, d.to, d.mover, nil, 10); caughtUp == nil {
			t.Error("a client can't sync")
		}
		create(t, d.to, d.mover, "after the restore")
		run(t, d.back())
	}
}
