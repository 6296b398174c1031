package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// conditional is a call that is for one version of a todo.
type conditional struct {
	name string
	call func(ctx context.Context, store todo.Store, owner todo.UserID, id todo.ID, version todo.Version) error
}

func conditionals() []conditional {
	return []conditional{
		{"UpdateTodo", func(ctx context.Context, store todo.Store, owner todo.UserID, id todo.ID, version todo.Version) error {
			_, err := store.UpdateTodo(ctx, owner, id, todo.Change{Title: new("mine"), If: version})
			return err
		}},
		{"DeleteTodo", func(ctx context.Context, store todo.Store, owner todo.UserID, id todo.ID, version todo.Version) error {
			return store.DeleteTodo(ctx, owner, id, todo.Deletion{If: version})
		}},
	}
}

// wantConflict fails the test unless an error is a conflict with a todo.
func wantConflict(t *testing.T, what string, err error, current todo.Todo) {
	t.Helper()
	conflict, ok := errors.AsType[*todo.ConflictError](err)
	if !ok || !errors.Is(err, todo.ErrConflict) {
		t.Errorf("%s: %v, want a ConflictError", what, err)
		return
	}
	if diff := cmp.Diff(current, conflict.Current); diff != "" {
		t.Errorf("%s: the conflict's todo (-stored +told):\n%s", what, diff)
	}
}

func TestACallForAVersionIsRefusedForAnyOther(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.QueryModes() {
		for _, c := range conditionals() {
			t.Run(c.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				store := open(t, pgtest.WithParameter(pgtest.NewDatabase(t), "default_query_exec_mode", mode), 2)
				owner := user(t, "u")
				created := create(t, store, owner, "t")
				changed, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("t"), If: created.Version})
				if err != nil {
					t.Fatalf("for the version of the create: %v", err)
				}
				if changed.Version == created.Version {
					t.Error("an update to what the todo was leaves it its version")
				}
				for name, version := range map[string]todo.Version{
					"the version before": created.Version,
					"a later one":        todo.VersionAt(changed.UpdatedAt.Add(time.Microsecond)),
					"the first there is": {Number: -1 << 63, Valid: true},
					"the last there is":  {Number: 1<<63 - 1, Valid: true},
					"number 0":           {Valid: true},
				} {
					wantConflict(t, name, c.call(t.Context(), store, owner, created.ID, version), changed)
				}
				if err := c.call(t.Context(), store, owner, neverMade(), changed.Version); !errors.Is(err, todo.ErrNotFound) {
					t.Errorf("for a todo that never was: %v, want ErrNotFound", err)
				}
				if err := c.call(t.Context(), store, owner, created.ID, changed.Version); err != nil {
					t.Errorf("for the todo's version: %v", err)
				}
			})
		}
	}
}

// TestOfManyUpdatesForOneVersionOneSucceeds loses none: each winner has seen what the
// one before has written.
func TestOfManyUpdatesForOneVersionOneSucceeds(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	const callers = 50
	results := make(chan error, callers)
	for range callers {
		go func() {
			_, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("mine"), If: created.Version})
			results <- err
		}()
	}
	won := 0
	for range callers {
		err := <-results
		if err == nil {
			won++
		} else if conflict, ok := errors.AsType[*todo.ConflictError](err); !ok || conflict.Current.Title != "mine" {
			t.Errorf("%v, want a ConflictError with the winner's todo", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d updates for one version succeed", won, callers)
	}
}

// TestACallForAVersionWaitsForTheOtherTransactionAndLooksAgain has another session
// change the todo, which the call waits for: the version that its snapshot shows is
// the right one, and the one that it finds once it has the lock is not.
func TestACallForAVersionWaitsForTheOtherTransactionAndLooksAgain(t *testing.T) {
	t.Parallel()
	const change = "UPDATE todo SET title = 'theirs', updated_at = updated_at + INTERVAL '1 second'"
	for name, test := range map[string]struct {
		sql    string
		end    func(pgx.Tx, context.Context) error
		undone bool
	}{
		"another change":           {change, pgx.Tx.Commit, false},
		"a deletion":               {"DELETE FROM todo", pgx.Tx.Commit, false},
		"a change that is no more": {change, pgx.Tx.Rollback, true},
	} {
		for _, c := range conditionals() {
			t.Run(c.name+" after "+name, func(t *testing.T) {
				t.Parallel()
				store, url := newStore(t)
				owner := user(t, "u")
				created := create(t, store, owner, "t")
				other := pgtest.Begin(t, url, test.sql)
				done := make(chan error, 1)
				go func() { done <- c.call(t.Context(), store, owner, created.ID, created.Version) }()
				pgtest.WaitForLocked(t, url, 1)
				if err := test.end(other, t.Context()); err != nil {
					t.Fatal(err)
				}
				err := <-done
				switch current, missing := store.GetTodo(t.Context(), owner, created.ID); {
				case test.undone:
					if err != nil {
						t.Errorf("%v, want a success", err)
					}
				case missing != nil:
					if !errors.Is(err, todo.ErrNotFound) || !errors.Is(missing, todo.ErrNotFound) {
						t.Errorf("%v and then %v, want ErrNotFound", err, missing)
					}
				case current.Title != "theirs":
					t.Errorf("the other session's change is lost: %+v", current)
				default:
					wantConflict(t, "after the wait", err, current)
				}
			})
		}
	}
}

// TestARowOfAnOldTableHasAVersion is about times that the schema doesn't allow.
func TestARowOfAnOldTableHasAVersion(t *testing.T) {
	t.Parallel()
	for _, updatedAt := range []string{"NULL", "'-infinity'", "'infinity'", "'4000-01-01 BC'", "'20000-01-01'"} {
		for _, c := range conditionals() {
			t.Run(c.name+" of "+updatedAt, func(t *testing.T) {
				t.Parallel()
				store, url := newStore(t)
				owner := user(t, "u")
				id := create(t, store, owner, "t").ID
				pgtest.Exec(t, url, "ALTER TABLE todo DROP CONSTRAINT ck_todo_updated_at_in_range, ALTER updated_at DROP NOT NULL")
				pgtest.Exec(t, url, "UPDATE todo SET updated_at = "+updatedAt)
				before, err := store.GetTodo(t.Context(), owner, id)
				if err != nil {
					t.Fatal(err)
				}
				wantConflict(t, "for another version", c.call(t.Context(), store, owner, id, todo.VersionAt(time.Now())), before)
				if err := c.call(t.Context(), store, owner, id, before.Version); err != nil {
					t.Errorf("for its version: %v", err)
				}
			})
		}
	}
}

// TestACallWithoutAVersionReadsNothingFurther looks at what has been prepared on the
// store's one connection.
func TestACallWithoutAVersionReadsNothingFurther(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, pgtest.NewDatabase(t), 1)
	store := storeOn(db, 0)
	owner := user(t, "u")
	reads := func() int {
		return len(ask(t, db, "SELECT name FROM pg_prepared_statements WHERE statement ~ '^\\s*SELECT todo.id'"))
	}
	for _, c := range conditionals() {
		if err := c.call(t.Context(), store, owner, create(t, store, owner, "t").ID, todo.Version{}); err != nil {
			t.Fatal(err)
		}
		if err := c.call(t.Context(), store, owner, neverMade(), todo.Version{}); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", c.name, err)
		}
	}
	if n := reads(); n != 0 {
		t.Errorf("%d reads of a todo", n)
	}
	later := todo.VersionAt(time.Now().Add(time.Hour))
	if err := store.DeleteTodo(t.Context(), owner, create(t, store, owner, "t").ID, todo.Deletion{If: later}); !errors.Is(err, todo.ErrConflict) {
		t.Error(err)
	}
	if n := reads(); n != 1 {
		t.Errorf("%d reads of a todo with a version, want 1", n)
	}
}
