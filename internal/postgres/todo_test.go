package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

func TestATodoLivesFromCreationToDeletion(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")

	milk := draft("buy milk")
	milk.Description = "two litres"
	created, err := store.CreateTodo(t.Context(), owner, milk)
	if err != nil {
		t.Fatal(err)
	}
	want := todo.Todo{ID: *milk.ID, Title: "buy milk", Description: "two litres"}
	if diff := cmp.Diff(want, created, cmpopts.IgnoreFields(todo.Todo{}, "CreatedAt", "UpdatedAt", "Version", "Revision")); diff != "" {
		t.Error(diff)
	}
	if created.CreatedAt.IsZero() || !created.UpdatedAt.Equal(created.CreatedAt) {
		t.Errorf("created %+v, want a time, and the same one as UpdatedAt", created)
	}
	if created.CreatedAt.Location() != time.UTC || created.UpdatedAt.Location() != time.UTC {
		t.Error("times are not in UTC")
	}

	got, err := store.GetTodo(t.Context(), owner, created.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, got); diff != "" {
		t.Error(diff)
	}

	if err := store.DeleteTodo(t.Context(), owner, created.ID, todo.Deletion{}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.GetTodo(t.Context(), owner, created.ID); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("GetTodo after the deletion: %v, want ErrNotFound", err)
	}
	if err := store.DeleteTodo(t.Context(), owner, created.ID, todo.Deletion{}); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("second DeleteTodo: %v, want ErrNotFound", err)
	}
}

func TestAnUpdateChangesWhatItNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change todo.Change
		want   todo.Todo
	}{
		{"nothing", todo.Change{}, todo.Todo{Title: "title", Description: "description"}},
		{"the title", todo.Change{Title: new("new")}, todo.Todo{Title: "new", Description: "description"}},
		{"the description", todo.Change{Description: new("new")}, todo.Todo{Title: "title", Description: "new"}},
		{"the description, away", todo.Change{Description: new("")}, todo.Todo{Title: "title"}},
		{"completion", todo.Change{IsCompleted: new(true)}, todo.Todo{Title: "title", Description: "description", IsCompleted: true}},
		{"completion, to what it is", todo.Change{IsCompleted: new(false)}, todo.Todo{Title: "title", Description: "description"}},
		{
			"everything",
			todo.Change{Title: new("x"), Description: new("y"), IsCompleted: new(true)},
			todo.Todo{Title: "x", Description: "y", IsCompleted: true},
		},
	}
	store, _ := newStore(t)
	owner := user(t, "u")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			first := draft("title")
			first.Description = "description"
			created, err := store.CreateTodo(t.Context(), owner, first)
			if err != nil {
				t.Fatal(err)
			}
			updated, err := store.UpdateTodo(t.Context(), owner, created.ID, test.change)
			if err != nil {
				t.Fatal(err)
			}
			test.want.ID, test.want.CreatedAt = created.ID, created.CreatedAt
			if diff := cmp.Diff(test.want, updated, cmpopts.IgnoreFields(todo.Todo{}, "UpdatedAt", "Version", "Revision", "CompletedAt")); diff != "" {
				t.Error(diff)
			}
			if updated.IsCompleted == updated.CompletedAt.IsZero() {
				t.Errorf("completed: %v, at %v", updated.IsCompleted, updated.CompletedAt)
			}
			if !updated.UpdatedAt.After(created.UpdatedAt) {
				t.Errorf("UpdatedAt went from %v to %v, want forward", created.UpdatedAt, updated.UpdatedAt)
			}
			got, err := store.GetTodo(t.Context(), owner, created.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(updated, got); diff != "" {
				t.Errorf("stored differs from returned:\n%s", diff)
			}
		})
	}
}

func TestAnEmptyDescriptionIsStoredAsNone(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	create(t, store, owner, "created without")
	updated := create(t, store, owner, "emptied later")
	for _, description := range []string{"some", ""} {
		if _, err := store.UpdateTodo(t.Context(), owner, updated.ID, todo.Change{Description: &description}); err != nil {
			t.Fatal(err)
		}
	}
	var absent int
	if err := pgtest.Connect(t, url).QueryRow(t.Context(), "SELECT count(*) FROM todo WHERE description IS NULL").Scan(&absent); err != nil {
		t.Fatal(err)
	}
	if absent != 2 {
		t.Errorf("%d descriptions are NULL, want 2", absent)
	}
}

func TestTextIsCountedInCodePointsAndKeptAsItIs(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	for _, character := range []string{"a", "é", "😀", "e\u0301", "\\", "'", "%", "\"", "\u202e", "\x01"} {
		size := len([]rune(character))
		title := strings.Repeat(character, 500/size)
		description := strings.Repeat(character, 2000/size)
		longest := draft(title)
		longest.Description = description
		created, err := store.CreateTodo(t.Context(), owner, longest)
		if err != nil {
			t.Errorf("%q at the limits: %v", character, err)
			continue
		}
		got, err := store.GetTodo(t.Context(), owner, created.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Title != title || got.Description != description {
			t.Errorf("%q: text comes back changed", character)
		}
		for _, change := range []todo.Change{{Title: new(title + "x")}, {Description: new(description + "x")}} {
			_, err := store.UpdateTodo(t.Context(), owner, created.ID, change)
			if err == nil || errors.Is(err, todo.ErrUnavailable) || errors.Is(err, todo.ErrNotFound) {
				t.Errorf("%q beyond a limit: %v, want an error that is a defect's", character, err)
			}
		}
	}
}

func TestUserIDsOfEveryFormOwnTodos(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	for _, subject := range []string{"x", " x", "X", "' OR true --", "用户", strings.Repeat("😀", 255)} {
		owner := user(t, subject)
		created := create(t, store, owner, "t")
		page, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(todo.Page{Todos: []todo.Todo{created}}, page); diff != "" {
			t.Errorf("todos of %q:\n%s", subject, diff)
		}
	}
}

func TestUpdatedAtMovesForwardThroughConcurrentUpdates(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "same")
	const updates = 100
	times := make(chan time.Time, updates)
	for range updates {
		go func() {
			updated, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("same")})
			if err != nil {
				t.Error(err)
			}
			times <- updated.UpdatedAt
		}()
	}
	seen := map[time.Time]bool{created.UpdatedAt: true}
	for range updates {
		seen[<-times] = true
	}
	if len(seen) != updates+1 {
		t.Errorf("%d different times after %d updates", len(seen)-1, updates)
	}
}

func TestUpdatedAtMovesForwardWhenTheClockWentBack(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	created := create(t, store, owner, "from the future")
	pgtest.Exec(t, url, "UPDATE todo SET updated_at = now() + INTERVAL '1 day'")
	before, err := store.GetTodo(t.Context(), owner, created.ID)
	if err != nil {
		t.Fatal(err)
	}
	after, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{IsCompleted: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if want := before.UpdatedAt.Add(time.Microsecond); !after.UpdatedAt.Equal(want) {
		t.Errorf("UpdatedAt = %v, want %v", after.UpdatedAt, want)
	}
}

func TestTheCallersContextErrorComesBack(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for ctx, want := range map[context.Context]error{canceled: context.Canceled, late: context.DeadlineExceeded} {
		_, err := store.GetTodo(ctx, user(t, "u"), neverMade())
		if !errors.Is(err, want) || errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("GetTodo: %v, want %v alone", err, want)
		}
	}
}

func TestTheTableRefusesWhatTheContractDoes(t *testing.T) {
	t.Parallel()
	_, url := newStore(t)
	conn := pgtest.Connect(t, url)
	long := strings.Repeat("é", 2001)
	for name, test := range map[string]struct {
		title, description, owner any
		constraint                string // Empty for one without a name.
	}{
		"an empty title":          {"", nil, "u", "ck_todo_title_not_blank"},
		"a blank title":           {" \t\r\n ", nil, "u", "ck_todo_title_not_blank"},
		"no title":                {nil, nil, "u", ""},
		"a long title":            {long[:2*501], nil, "u", ""},
		"a long description":      {"t", long, "u", ""},
		"an empty owner":          {"t", nil, "", "ck_todo_user_id_not_empty"},
		"no owner":                {"t", nil, nil, ""},
		"an owner with a long id": {"t", nil, long[:2*256], ""},
		"NUL":                     {"a\x00b", nil, "u", ""},
	} {
		_, err := conn.Exec(t.Context(), "INSERT INTO todo (title, description, user_id) VALUES ($1, $2, $3)",
			test.title, test.description, test.owner)
		if err == nil || !strings.Contains(err.Error(), test.constraint) {
			t.Errorf("%s: %v, want a refusal by %q", name, err, test.constraint)
		}
	}
	_, err := conn.Exec(t.Context(), "INSERT INTO todo (title, description, user_id) VALUES ($1, $2, $3)",
		long[:2*500], long[:2*2000], long[:2*255])
	if err != nil {
		t.Errorf("text at the limits: %v", err)
	}
}
