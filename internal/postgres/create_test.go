package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// rows returns how many todos there are, of all owners.
func rows(t *testing.T, url string) int {
	t.Helper()
	var n int
	if err := pgtest.Connect(t, url).QueryRow(t.Context(), "SELECT count(*) FROM todo").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// asCreated returns what a repeated create answers: nothing of what the todo is now.
func asCreated(first todo.Todo) todo.Todo {
	first.Version, first.Revision = todo.Version{}, 0
	return first
}

func TestARepeatedCreateGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	for n, description := range []string{"", "d"} {
		first := draft("t")
		first.Description = description
		created, err := store.CreateTodo(t.Context(), owner, first)
		if err != nil {
			t.Fatal(err)
		}
		repeat := func(when string) {
			t.Helper()
			again, err := store.CreateTodo(t.Context(), owner, first)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if diff := cmp.Diff(asCreated(created), again); diff != "" {
				t.Errorf("%s (-first +again):\n%s", when, diff)
			}
		}
		repeat("at once")
		completed, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{IsCompleted: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		repeat("after it was completed")
		stored, err := store.GetTodo(t.Context(), owner, created.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(completed, stored); diff != "" {
			t.Errorf("a repetition changed what is stored:\n%s", diff)
		}
		if got := rows(t, url); got != n+1 {
			t.Errorf("%d todos, want %d", got, n+1)
		}
	}
}

func TestATakenIDIsRefusedInTheSameWordsAndNothingIsOverwritten(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	alice, mallory := user(t, "alice"), user(t, "mallory")
	taken := draft("t")
	taken.Description = "d"
	hers, err := store.CreateTodo(t.Context(), alice, taken)
	if err != nil {
		t.Fatal(err)
	}
	plain := create(t, store, alice, "without description")
	for _, test := range []struct {
		name  string
		owner todo.UserID
		draft todo.Draft
	}{
		{"another title", alice, todo.Draft{ID: &hers.ID, Title: "T", Description: "d"}},
		{"another description", alice, todo.Draft{ID: &hers.ID, Title: "t", Description: "D"}},
		{"no description", alice, todo.Draft{ID: &hers.ID, Title: "t"}},
		{"a description where there was none", alice, todo.Draft{ID: &plain.ID, Title: plain.Title, Description: "d"}},
		{"another owner", mallory, taken},
		{"another owner and title", mallory, todo.Draft{ID: &hers.ID, Title: "T"}},
	} {
		_, err := store.CreateTodo(t.Context(), test.owner, test.draft)
		if !errors.Is(err, todo.ErrAlreadyExists) || err.Error() != todo.ErrAlreadyExists.Error() {
			t.Errorf("%s: %v, want ErrAlreadyExists and no more", test.name, err)
		}
	}
	if diff := cmp.Diff([]todo.Todo{plain, hers}, listAll(t, store, alice, todo.Query{Size: 10}, nil)); diff != "" {
		t.Errorf("Alice's todos changed:\n%s", diff)
	}
	if got := rows(t, url); got != 2 {
		t.Errorf("%d todos, want 2", got)
	}

	for _, permanently := range []bool{false, true} {
		remove(t, store, alice, hers.ID, permanently)
		if _, err := store.CreateTodo(t.Context(), mallory, taken); !errors.Is(err, todo.ErrAlreadyExists) {
			t.Errorf("after a deletion, permanently: %v: %v, want ErrAlreadyExists", permanently, err)
		}
	}
}

func TestADraftWithoutAnIDIsADefect(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	_, err := store.CreateTodo(t.Context(), user(t, "u"), todo.Draft{Title: "t"})
	if err == nil || errors.Is(err, todo.ErrAlreadyExists) || errors.Is(err, todo.ErrUnavailable) {
		t.Errorf("CreateTodo: %v, want an error that is a defect's", err)
	}
}

func TestFiftyCreatesAtOnceUnderOneIDMakeOneTodo(t *testing.T) {
	t.Parallel()
	const callers = 50
	for _, test := range []struct {
		name string
		vary func(caller int, d *todo.Draft) string // Returns the owner.
		wins int
	}{
		{"the same content", func(int, *todo.Draft) string { return "u" }, callers},
		{"different content", func(caller int, d *todo.Draft) string {
			d.Title = fmt.Sprint(caller)
			return "u"
		}, 1},
		{"different owners", func(caller int, _ *todo.Draft) string { return fmt.Sprint("u", caller) }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			one := draft("t")
			var mu sync.Mutex
			answers, versions := make(map[string]int), 0
			var group sync.WaitGroup
			for caller := range callers {
				mine := one
				owner := user(t, test.vary(caller, &mine))
				group.Go(func() {
					created, err := store.CreateTodo(t.Context(), owner, mine)
					if errors.Is(err, todo.ErrAlreadyExists) {
						return
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					answers[fmt.Sprintf("%+v", asCreated(created))]++
					if created.Version.Valid {
						versions++
					}
				})
			}
			group.Wait()
			var wins int
			for _, n := range answers {
				wins += n
			}
			if len(answers) != 1 || wins != test.wins {
				t.Errorf("%d calls succeed with %d different answers, want %d and 1", wins, len(answers), test.wins)
			}
			if versions != 1 {
				t.Errorf("%d answers have a version, want that of the call that made the todo", versions)
			}
			if got := rows(t, url); got != 1 {
				t.Errorf("%d todos, want 1", got)
			}
		})
	}
}

// TestARepetitionSeesWhatIsCommittedWhileItWaits has the first create in a
// transaction that is still open when the repetition's statement, and so its
// snapshot, begins.
func TestARepetitionSeesWhatIsCommittedWhileItWaits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		end   string
		title string // Of the repetition.
		want  error
	}{
		{"COMMIT", "t", nil},
		{"COMMIT", "another", todo.ErrAlreadyExists},
		{"ROLLBACK", "t", nil},
	} {
		t.Run(test.end+" "+test.title, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			repeated := draft(test.title)
			tx := pgtest.Begin(t, url, fmt.Sprintf("INSERT INTO todo (id, user_id, title) VALUES ('%v', 'u', 't')", *repeated.ID))
			failed := make(chan error, 1)
			go func() {
				_, err := store.CreateTodo(t.Context(), user(t, "u"), repeated)
				failed <- err
			}()
			pgtest.WaitForLocked(t, url, 1)
			if _, err := tx.Exec(t.Context(), test.end); err != nil {
				t.Fatal(err)
			}
			if err := <-failed; !errors.Is(err, test.want) {
				t.Errorf("CreateTodo: %v, want %v", err, test.want)
			}
			if got := rows(t, url); got != 1 {
				t.Errorf("%d todos, want 1", got)
			}
		})
	}
}
