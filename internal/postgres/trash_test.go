package postgres_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// remove moves a todo to the trash, or deletes it permanently.
func remove(t *testing.T, store todo.Store, owner todo.UserID, id todo.ID, permanently bool) {
	t.Helper()
	if err := store.DeleteTodo(t.Context(), owner, id, todo.Deletion{Permanently: permanently}); err != nil {
		t.Fatal(err)
	}
}

// inTrash returns the first page of an owner's trash.
func inTrash(t *testing.T, store todo.Store, owner todo.UserID, size int) todo.Page {
	t.Helper()
	return list(t, store, owner, todo.Query{Size: size, InTrash: true})
}

func TestADeletedTodoIsInTheTrashAndComesBack(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	remove(t, store, owner, created.ID, false)

	if page := list(t, store, owner, todo.Query{Size: 10}); len(page.Todos) > 0 {
		t.Errorf("the list has %+v", page.Todos)
	}
	if _, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("x")}); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("UpdateTodo of a deleted todo: %v, want ErrNotFound", err)
	}
	trash := inTrash(t, store, owner, 10)
	if len(trash.Todos) != 1 {
		t.Fatalf("the trash has %+v, want one todo", trash.Todos)
	}
	deleted := trash.Todos[0]
	switch {
	case deleted.Title != "t", deleted.IsPurged:
		t.Errorf("the trash has %+v", deleted)
	case !deleted.UpdatedAt.After(created.UpdatedAt), deleted.Revision <= created.Revision:
		t.Errorf("the deletion is no change: %+v after %+v", deleted, created)
	case !deleted.PurgeAt.Equal(deleted.DeletedAt.Add(24 * time.Hour)):
		t.Errorf("deleted at %v, to be purged at %v", deleted.DeletedAt, deleted.PurgeAt)
	}

	restored, err := store.UndeleteTodo(t.Context(), owner, created.ID, deleted.Version)
	if err != nil {
		t.Fatal(err)
	}
	want := created
	want.UpdatedAt, want.Version, want.Revision = restored.UpdatedAt, restored.Version, restored.Revision
	if diff := cmp.Diff(want, restored); diff != "" || !restored.UpdatedAt.After(deleted.UpdatedAt) || restored.Revision <= deleted.Revision {
		t.Errorf("restored at %v, revision %d, after %v, %d:\n%s", restored.UpdatedAt, restored.Revision, deleted.UpdatedAt, deleted.Revision, diff)
	}
	again, err := store.UndeleteTodo(t.Context(), owner, created.ID, todo.Version{})
	if diff := cmp.Diff(restored, again); err != nil || diff != "" {
		t.Errorf("restored again: %v\n%s", err, diff)
	}
	conflict, ok := errors.AsType[*todo.ConflictError](undeleteError(t, store, owner, created))
	if !ok || !cmp.Equal(conflict.Current, restored) {
		t.Errorf("restored by an old version: %+v, want a conflict with %+v", conflict, restored)
	}
}

// undeleteError restores a todo of a version, and returns the error.
func undeleteError(t *testing.T, store todo.Store, owner todo.UserID, of todo.Todo) error {
	t.Helper()
	_, err := store.UndeleteTodo(t.Context(), owner, of.ID, of.Version)
	return err
}

func TestWhatIsDeletedPermanentlyHasNoWayBack(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	const secret = "a secret"
	made := draft(secret)
	made.Description = secret
	if _, err := store.CreateTodo(t.Context(), owner, made); err != nil {
		t.Fatal(err)
	}
	id := *made.ID
	trashed, kept := create(t, store, owner, secret), create(t, store, owner, "kept")
	remove(t, store, owner, trashed.ID, false)
	for _, gone := range []todo.ID{id, trashed.ID} {
		remove(t, store, owner, gone, true)
		if _, err := store.UndeleteTodo(t.Context(), owner, gone, todo.Version{}); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("UndeleteTodo: %v, want ErrNotFound", err)
		}
		if err := store.DeleteTodo(t.Context(), owner, gone, todo.Deletion{Permanently: true}); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("deleted permanently again: %v, want ErrNotFound", err)
		}
	}
	if _, err := store.CreateTodo(t.Context(), owner, made); !errors.Is(err, todo.ErrAlreadyExists) {
		t.Errorf("created again: %v, want ErrAlreadyExists: its id stays taken", err)
	}
	if trash := inTrash(t, store, owner, 10); len(trash.Todos) > 0 {
		t.Errorf("the trash has %+v", trash.Todos)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT count(*)::text FROM todo WHERE title || COALESCE(description, '') LIKE '%secret%'"); got != "0" {
		t.Errorf("%s rows have the texts of what is gone", got)
	}
	if page := list(t, store, owner, todo.Query{Size: 10}); len(page.Todos) != 1 || page.Todos[0].ID != kept.ID {
		t.Errorf("the list has %+v, want the one that was kept", page.Todos)
	}
}

func TestARepeatedCreateBringsNothingBackFromTheTrash(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	made := draft("t")
	created, err := store.CreateTodo(t.Context(), owner, made)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, store, owner, created.ID, false)
	again, err := store.CreateTodo(t.Context(), owner, made)
	if diff := cmp.Diff(asCreated(created), again); err != nil || diff != "" {
		t.Errorf("created again: %v\n%s", err, diff)
	}
	if _, err := store.GetTodo(t.Context(), owner, created.ID); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("GetTodo: %v, want ErrNotFound", err)
	}
}

func TestTheTrashIsListedByTheTimeOfDeletionInPages(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	const n = 7
	ids := make([]todo.ID, n)
	for i := range ids {
		ids[i] = create(t, store, owner, "t").ID
	}
	for i := range ids { // The oldest is deleted first: the last of the list.
		remove(t, store, owner, ids[i], false)
	}
	var got []todo.ID
	query := todo.Query{Size: 3, InTrash: true}
	for {
		page := list(t, store, owner, query)
		for _, deleted := range page.Todos {
			got = append([]todo.ID{deleted.ID}, got...)
		}
		if query.After = page.Next; page.Next == nil {
			break
		}
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Errorf("from the end, the trash has (-want +got):\n%s", diff)
	}
}

func TestAnEmptiedTrashIsGoneForGood(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	kept := create(t, store, owner, "kept")
	pgtest.Exec(t, url, `INSERT INTO todo (user_id, title, deleted_at) SELECT 'u', 'secret', now() - n % 3 * interval '1 second' FROM generate_series(1, 2500) n`)
	if err := store.EmptyTrash(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Connect(t, url)
	for sql, want := range map[string]string{
		"SELECT count(*)::text FROM todo WHERE purged AND deleted_at IS NOT NULL AND title = 'deleted' AND revision > 0": "2500",
		"SELECT count(*)::text FROM todo WHERE title = 'secret'":                                                         "0",
	} {
		if got := pgtest.QueryText(t, conn, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	if _, err := store.GetTodo(t.Context(), owner, kept.ID); err != nil {
		t.Errorf("a todo that was not deleted: %v", err)
	}
}

func TestWithoutATrashADeletionLeavesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := postgres.NewStore(databasetest.Open(t, url, 4), postgres.Config{Logger: slog.New(slog.DiscardHandler)})
	owner := user(t, "u")
	for _, permanently := range []bool{false, true} {
		remove(t, store, owner, create(t, store, owner, "t").ID, permanently)
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT count(*)::text FROM todo"); got != "0" {
		t.Errorf("%s todos are left", got)
	}
	_, undeleteErr := store.UndeleteTodo(t.Context(), owner, neverMade(), todo.Version{})
	_, listErr := store.ListTodos(t.Context(), owner, todo.Query{Size: 1, InTrash: true})
	_, changesErr := store.ListChanges(t.Context(), owner, nil, 1)
	for name, err := range map[string]error{
		"UndeleteTodo": undeleteErr, "ListTodos": listErr, "ListChanges": changesErr, "EmptyTrash": store.EmptyTrash(t.Context(), owner),
	} {
		if !errors.Is(err, todo.ErrNoTrash) {
			t.Errorf("%s: %v, want ErrNoTrash", name, err)
		}
	}
}
