package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

func TestAnOwnerHasAsManyTodosAsTheBoundSays(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			store := openBound(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 4, 3)
			alice, mallory := user(t, "alice "+mode), user(t, "mallory "+mode)
			drafts := []todo.Draft{draft("a"), draft("b"), draft("c")}
			drafts[1].Description = "with a description"
			var alices []todo.Todo
			for _, d := range drafts {
				created, err := store.CreateTodo(t.Context(), alice, d)
				if err != nil {
					t.Fatal(err)
				}
				alices = append(alices, created)
			}
			another := draft("one more")
			if _, err := store.CreateTodo(t.Context(), alice, another); !errors.Is(err, todo.ErrTooMany) {
				t.Errorf("the fourth: %v, want ErrTooMany", err)
			}
			if _, err := store.UpdateTodo(t.Context(), alice, alices[1].ID, todo.Change{IsCompleted: new(true)}); err != nil {
				t.Errorf("UpdateTodo at the bound: %v", err)
			}
			for i, d := range drafts {
				again, err := store.CreateTodo(t.Context(), alice, d)
				if err != nil {
					t.Errorf("a repetition at the bound: %v", err)
				}
				if diff := cmp.Diff(asCreated(alices[i]), again); diff != "" {
					t.Errorf("a repetition at the bound (-first +again):\n%s", diff)
				}
			}
			if _, err := store.CreateTodo(t.Context(), alice, todo.Draft{ID: drafts[0].ID, Title: "other"}); !errors.Is(err, todo.ErrAlreadyExists) {
				t.Errorf("her own id with other content: %v, want ErrAlreadyExists", err)
			}

			// Others' todos take none of Mallory's room.
			for range 2 {
				create(t, store, mallory, "m")
			}
			if _, err := store.CreateTodo(t.Context(), mallory, drafts[0]); !errors.Is(err, todo.ErrAlreadyExists) {
				t.Errorf("another's id below the bound: %v, want ErrAlreadyExists", err)
			}
			create(t, store, mallory, "m")
			// At the bound, an id tells nothing, whether or not it is taken.
			for name, d := range map[string]todo.Draft{"a free id": another, "another's id": drafts[0]} {
				if _, err := store.CreateTodo(t.Context(), mallory, d); !errors.Is(err, todo.ErrTooMany) || err.Error() != todo.ErrTooMany.Error() {
					t.Errorf("%s at the bound: %v, want ErrTooMany and no more", name, err)
				}
			}

			remove(t, store, alice, alices[0].ID, false)
			if _, err := store.CreateTodo(t.Context(), alice, another); !errors.Is(err, todo.ErrTooMany) {
				t.Errorf("after a deletion: %v, want ErrTooMany, as the trash counts", err)
			}
			remove(t, store, alice, alices[0].ID, true)
			if _, err := store.CreateTodo(t.Context(), alice, another); err != nil {
				t.Errorf("after a permanent deletion: %v", err)
			}
		})
	}
}

func TestCreatesAtOnceExceedTheBoundByTheirNumberAtMost(t *testing.T) {
	t.Parallel()
	const bound, callers = 20, 8
	url := pgtest.NewDatabase(t)
	store := openBound(t, url, callers, bound)
	owner := user(t, "u")
	var refused atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range bound {
				switch _, err := store.CreateTodo(t.Context(), owner, draft("t")); {
				case errors.Is(err, todo.ErrTooMany):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	made := rows(t, url)
	if made < bound || made > bound+callers-1 || made+int(refused.Load()) != callers*bound {
		t.Errorf("%d made and %d refused, with a bound of %d", made, refused.Load(), bound)
	}
}

// TestTheCountIsReadOffAnIndex looks at the plans of the statement that the
// store has prepared, for an owner of most of the table and for any.
func TestTheCountIsReadOffAnIndex(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	db := databasetest.Open(t, url, 1)
	store := storeOn(db, 100)
	pgtest.Exec(t, url, `
		INSERT INTO todo (user_id, title)
		SELECT CASE WHEN i % 10 = 0 THEN 'few ' || i ELSE 'most' END, 'x'
		FROM   generate_series(1, 20000) AS i`)
	pgtest.Exec(t, url, "ANALYZE todo")
	if _, err := store.CreateTodo(t.Context(), user(t, "most"), draft("t")); !errors.Is(err, todo.ErrTooMany) {
		t.Fatal(err)
	}
	statement := preparedBy(t, db, "counted")
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		for _, owner := range []string{"most", "few 10", "nobody"} {
			plan := statement.plan(t, mode, fmt.Sprintf("'%s', '%v', 100, 1000", owner, neverMade()))
			if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Bitmap") || strings.Contains(plan, "Sort") {
				t.Errorf("%s, %s:\n%s", mode, owner, plan)
			}
		}
	}
}

func TestWhatIsKeptOfDeletedTodosIsBoundToo(t *testing.T) {
	t.Parallel()
	store := openBound(t, pgtest.NewDatabase(t), 2, 1)
	owner := user(t, "u")
	var n int
	for ; n < 20; n++ {
		made, err := store.CreateTodo(t.Context(), owner, draft("t"))
		if errors.Is(err, todo.ErrTooMany) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		remove(t, store, owner, made.ID, true)
	}
	if n != 10 {
		t.Errorf("%d todos were created and deleted permanently, want ten times the bound", n)
	}
}
