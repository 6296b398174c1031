package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// applyRequest returns a request of its own, with a hash of its operations.
func applyRequest(operations ...todo.Operation) todo.ApplyRequest {
	return todo.ApplyRequest{ID: todo.RequestID(uuid.New()), Content: sha256.Sum256(fmt.Append(nil, operations)), Operations: operations}
}

// apply applies a request, and returns in words what became of its operations.
func apply(t *testing.T, store todo.Store, owner todo.UserID, request todo.ApplyRequest) string {
	t.Helper()
	results, err := store.ApplyTodos(t.Context(), owner, request)
	if err != nil {
		return err.Error()
	}
	return outcomes(results)
}

// outcomes has the errors of results, and "ok" for none.
func outcomes(results []todo.Result) string {
	words := make([]string, len(results))
	for i, result := range results {
		words[i] = "ok"
		if result.Err != nil {
			words[i] = result.Err.Error()
		}
	}
	return strings.Join(words, " | ")
}

// idOf returns the id of the todo of a request's operation.
func idOf(request todo.ApplyRequest, index int) (id todo.ID) {
	switch o := request.Operations[index].(type) {
	case todo.CreateOperation:
		return *o.Draft.ID
	case todo.UpdateOperation:
		return o.ID
	case todo.DeleteOperation:
		return o.ID
	}
	return id
}

// variety returns a request with an operation for each outcome, of todos of the owner's.
func variety(t *testing.T, store todo.Store, owner todo.UserID) todo.ApplyRequest {
	t.Helper()
	updated, deleted, purged, stale := create(t, store, owner, "updated"), create(t, store, owner, "deleted"), create(t, store, owner, "purged"), create(t, store, owner, "stale")
	undeleted := create(t, store, owner, "undeleted")
	remove(t, store, owner, undeleted.ID, false)
	made := draft("made")
	return applyRequest(
		todo.CreateOperation{Draft: made},
		todo.CreateOperation{Draft: made},
		todo.CreateOperation{Draft: todo.Draft{ID: made.ID, Title: "other"}},
		todo.UpdateOperation{ID: updated.ID, Change: todo.Change{IsCompleted: new(true), If: updated.Version}},
		todo.UpdateOperation{ID: updated.ID, Change: todo.Change{IsCompleted: new(true), If: updated.Version}},
		todo.InvalidOperation{},
		todo.DeleteOperation{ID: deleted.ID},
		todo.DeleteOperation{ID: deleted.ID},
		todo.DeleteOperation{ID: purged.ID, Deletion: todo.Deletion{Permanently: true}},
		todo.UndeleteOperation{ID: undeleted.ID},
		todo.UpdateOperation{ID: neverMade(), Change: todo.Change{IsCompleted: new(true)}},
		todo.DeleteOperation{ID: stale.ID, Deletion: todo.Deletion{If: updated.Version}},
	)
}

const varietyOutcomes = "ok | ok | todo already exists | ok | todo has another version | invalid operation | " +
	"ok | todo not found | ok | ok | todo not found | todo has another version"

func TestEachOperationHasAResultOfItsOwn(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "alice")
	request := variety(t, store, owner)
	results, err := store.ApplyTodos(t.Context(), owner, request)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(results); got != varietyOutcomes {
		t.Fatalf("applied: %s, want %s", got, varietyOutcomes)
	}
	changes, err := store.ListChanges(t.Context(), owner, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	now := make(map[todo.ID]todo.Todo)
	for _, changed := range changes.Todos {
		now[changed.ID] = changed
	}
	for i, result := range results {
		conflict, isConflict := errors.AsType[*todo.ConflictError](result.Err)
		if isTold := result.Err == nil || isConflict; isTold != (result.Todo != nil) {
			t.Errorf("operation %d: %v with the todo %+v", i, result.Err, result.Todo)
			continue
		} else if !isTold {
			continue
		}
		if diff := cmp.Diff(now[result.Todo.ID], *result.Todo); diff != "" {
			t.Errorf("operation %d is told of another todo:\n%s", i, diff)
		}
		if isConflict && !cmp.Equal(conflict.Current, *result.Todo) {
			t.Errorf("operation %d: a conflict with %+v", i, conflict.Current)
		}
	}
}

func TestARepeatedRequestChangesNothingAndHasTheSameErrors(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	other := open(t, url, 2) // Another process.
	owner := user(t, "alice")
	request := variety(t, store, owner)
	if got := apply(t, store, owner, request); got != varietyOutcomes {
		t.Fatal(got)
	}
	made, updated, stale := idOf(request, 0), idOf(request, 3), idOf(request, 11)
	if _, err := store.UpdateTodo(t.Context(), owner, made, todo.Change{Title: new("since")}); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, url, "DELETE FROM todo WHERE id IN ('"+updated.String()+"', '"+stale.String()+"')") // As the sweep does.
	before, err := store.ListChanges(t.Context(), owner, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	results, err := other.ApplyTodos(t.Context(), owner, request)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(results); got != varietyOutcomes {
		t.Errorf("repeated: %s, want %s", got, varietyOutcomes)
	}
	for i, title := range map[int]string{0: "since", 1: "since", 6: "deleted", 8: "deleted", 9: "undeleted"} {
		if got := results[i].Todo; got == nil || got.Title != title {
			t.Errorf("operation %d: %+v, want the todo as it is now, %q", i, got, title)
		}
	}
	for _, i := range []int{2, 3, 4, 5, 7, 10, 11} {
		if got := results[i].Todo; got != nil {
			t.Errorf("operation %d: %+v, want no todo", i, got)
		}
	}
	after, err := store.ListChanges(t.Context(), owner, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the repetition changed:\n%s", diff)
	}
	reused := request
	reused.Content[0]++
	if _, err := other.ApplyTodos(t.Context(), owner, reused); !errors.Is(err, todo.ErrRequestReused) {
		t.Errorf("other content: %v, want ErrRequestReused", err)
	}
}

// TestTheSameRequestAtOnceIsAppliedOnce sends it to two processes, which wait for a third.
func TestTheSameRequestAtOnceIsAppliedOnce(t *testing.T) {
	t.Parallel()
	const calls = 4
	first, url := newStore(t)
	stores := []*postgres.Store{first, open(t, url, 16)}
	owner := user(t, "alice")
	request := variety(t, first, owner)
	before, err := first.ListChanges(t.Context(), owner, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	locked := pgtest.Begin(t, url, "SELECT FROM todo_account FOR UPDATE")
	got := make(chan string, calls)
	for n := range calls {
		go func() { got <- apply(t, stores[n%len(stores)], owner, request) }()
	}
	pgtest.WaitForLocked(t, url, calls)
	if err := locked.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range calls {
		if outcomes := <-got; outcomes != varietyOutcomes {
			t.Errorf("applied: %s, want %s", outcomes, varietyOutcomes)
		}
	}
	changes, err := first.ListChanges(t.Context(), owner, &before.Next, 100)
	if err != nil || len(changes.Todos) != 5 {
		t.Errorf("%d todos have changed, want 5: %v", len(changes.Todos), err)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT count(*)::text FROM todo_request"); got != "1" {
		t.Errorf("%s requests are kept, want 1", got)
	}
}

func TestAnAtomicRequestIsAppliedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "alice")
	there := create(t, store, owner, "there")
	wanting := todo.ID(uuid.New())
	request := applyRequest(
		todo.CreateOperation{Draft: draft("made")},
		todo.UpdateOperation{ID: there.ID, Change: todo.Change{Title: new("changed")}},
		todo.DeleteOperation{ID: wanting},
		todo.InvalidOperation{},
	)
	request.IsAtomic = true
	request.Operations = request.Operations[:3]
	const refused = "another operation was refused | another operation was refused | todo not found"
	if got := apply(t, store, owner, request); got != refused {
		t.Errorf("applied: %s, want %s", got, refused)
	}
	if diff := cmp.Diff(todo.Page{Todos: []todo.Todo{there}}, list(t, store, owner, todo.Query{Size: 10})); diff != "" {
		t.Errorf("a refused request changed:\n%s", diff)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT count(*)::text FROM todo_request"); got != "0" {
		t.Errorf("%s requests are kept", got)
	}
	if _, err := store.CreateTodo(t.Context(), owner, todo.Draft{ID: &wanting, Title: "wanting"}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // It is tried again, and then it is known.
		if got := apply(t, store, owner, request); got != "ok | ok | ok" {
			t.Errorf("tried again: %s", got)
		}
	}
}

func TestACreateBeyondTheBoundIsRefusedByItself(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store, owner := openBound(t, url, 4, 2), user(t, "alice")
	first := draft("first")
	request := applyRequest(
		todo.CreateOperation{Draft: first}, todo.CreateOperation{Draft: draft("second")}, todo.CreateOperation{Draft: draft("third")},
		todo.DeleteOperation{ID: *first.ID, Deletion: todo.Deletion{Permanently: true}},
	)
	for range 2 {
		if got, want := apply(t, store, owner, request), "ok | ok | too many todos | ok"; got != want {
			t.Errorf("applied: %s, want %s", got, want)
		}
	}
}

func TestWithoutATrashOnlyUndeletesAreRefused(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, pgtest.NewDatabase(t), 4)
	store, owner := postgres.NewStore(db, postgres.Config{}), user(t, "alice")
	there := create(t, store, owner, "there")
	request := applyRequest(todo.UndeleteOperation{ID: there.ID}, todo.DeleteOperation{ID: there.ID}, todo.DeleteOperation{ID: there.ID})
	for range 2 {
		results, err := store.ApplyTodos(t.Context(), owner, request)
		if got, want := outcomes(results), "no trash | ok | todo not found"; err != nil || got != want {
			t.Errorf("applied: %s, %v, want %s", got, err, want)
		}
		if results[1].Todo != nil {
			t.Errorf("the todo is there: %+v", results[1].Todo)
		}
	}
}

// TestARequestThatTakesTooLongChangesNothing has its second operation wait for a lock.
func TestARequestThatTakesTooLongChangesNothing(t *testing.T) {
	t.Parallel()
	patient, url := newStore(t)
	owner := user(t, "alice")
	first, second := create(t, patient, owner, "first"), create(t, patient, owner, "second")
	db := databasetest.Open(t, url, 4, func(c *database.Config) { c.Bounds.TransactionLock = 100 * time.Millisecond })
	store := storeOn(db, 0)
	request := applyRequest(todo.DeleteOperation{ID: first.ID}, todo.DeleteOperation{ID: second.ID})
	locked := pgtest.Begin(t, url, "SELECT FROM todo WHERE id = '"+second.ID.String()+"' FOR UPDATE")
	if _, err := store.ApplyTodos(t.Context(), owner, request); !errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("ApplyTodos: %v, want ErrUnavailable", err)
	}
	if diff := cmp.Diff([]todo.Todo{second, first}, list(t, patient, owner, todo.Query{Size: 10}).Todos); diff != "" {
		t.Errorf("it changed:\n%s", diff)
	}
	if err := locked.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := apply(t, store, owner, request); got != "ok | ok" {
		t.Errorf("tried again: %s", got)
	}
}

func TestOldRequestsAreForgotten(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := pgtest.Connect(t, url)
	owner := user(t, "alice")
	old, young := applyRequest(todo.CreateOperation{Draft: draft("old")}), applyRequest(todo.CreateOperation{Draft: draft("young")})
	apply(t, store, owner, old)
	pgtest.ExecOn(t, conn, "UPDATE todo_request SET created_at = created_at - INTERVAL '24 hours'")
	apply(t, store, owner, young)
	sweep := func(want int) {
		t.Helper()
		if n, err := store.SweepRequests(t.Context()); err != nil || n != want {
			t.Errorf("SweepRequests: %d, %v, want %d", n, err, want)
		}
	}
	locked := pgtest.Begin(t, url, "SELECT FROM todo_request FOR UPDATE")
	sweep(0) // It waits for nobody.
	if err := locked.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	sweep(1)
	sweep(0)
	if got, want := pgtest.QueryText(t, conn, "SELECT string_agg(request_id::text, ' ') FROM todo_request"), uuid.UUID(young.ID).String(); got != want {
		t.Errorf("%s is kept, want %s", got, want)
	}
	pgtest.ExecOn(t, conn, "UPDATE todo_request SET created_at = created_at - INTERVAL '24 hours'")
	if _, err := store.EraseUser(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.QueryText(t, conn, "SELECT count(*)::text FROM todo_request"); got != "0" {
		t.Errorf("%s requests of an erased user are kept", got)
	}
}
