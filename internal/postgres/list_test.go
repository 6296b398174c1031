package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// list returns one page.
func list(t *testing.T, store todo.Store, owner todo.UserID, query todo.Query) todo.Page {
	t.Helper()
	page, err := store.ListTodos(t.Context(), owner, query)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Todos) > query.Size {
		t.Fatalf("a page of %d, want at most %d", len(page.Todos), query.Size)
	}
	return page
}

// listAll returns the todos of all pages. Between two pages it calls between.
func listAll(t *testing.T, store todo.Store, owner todo.UserID, query todo.Query, between func(page int, query *todo.Query)) []todo.Todo {
	t.Helper()
	var all []todo.Todo
	for n := 1; ; n++ {
		page := list(t, store, owner, query)
		all = append(all, page.Todos...)
		if page.Next == nil {
			return all
		}
		if len(page.Todos) != query.Size {
			t.Fatalf("page %d of %d has %d todos and is not the last", n, query.Size, len(page.Todos))
		}
		query.After = page.Next
		if between != nil {
			between(n, &query)
		}
	}
}

// insert makes n todos of an owner, several of each creation time, every third
// completed, and returns them in the order of lists.
func insert(t *testing.T, conn *pgx.Conn, store todo.Store, owner todo.UserID, n int) []todo.Todo {
	t.Helper()
	_, err := conn.Exec(t.Context(), `
		INSERT INTO todo (user_id, title, is_completed, created_at)
		SELECT $1, 'todo ' || i, i % 3 = 0, now() - (i / 4) * INTERVAL '1 microsecond'
		FROM   generate_series(1, $2::int) AS i`, owner.String(), n)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "SELECT id FROM todo WHERE user_id = $1", owner.String())
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		t.Fatal(err)
	}
	todos := make([]todo.Todo, len(ids))
	for i, id := range ids {
		if todos[i], err = store.GetTodo(t.Context(), owner, todo.ID(id)); err != nil {
			t.Fatal(err)
		}
	}
	// Sorted here and not by SQL: this is the order that the contract promises.
	slices.SortFunc(todos, func(a, b todo.Todo) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return slices.Compare(b.ID[:], a.ID[:])
	})
	return todos
}

func TestPagesTogetherAreTheListInItsOrder(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	all := insert(t, pgtest.Connect(t, url), store, owner, 300)
	var completed, open []todo.Todo
	for _, one := range all {
		if one.IsCompleted {
			completed = append(completed, one)
		} else {
			open = append(open, one)
		}
	}
	for _, size := range []int{1, 7, 100, 200, 299, 300, 301} {
		for name, test := range map[string]struct {
			filter *bool
			want   []todo.Todo
		}{"all": {nil, all}, "completed": {new(true), completed}, "open": {new(false), open}} {
			got := listAll(t, store, owner, todo.Query{Size: size, IsCompleted: test.filter}, nil)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s in pages of %d:\n%s", name, size, diff)
			}
		}
	}
}

func TestAListOfNothingIsTheLastPage(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	create(t, store, user(t, "somebody else"), "t")
	if page := list(t, store, user(t, "u"), todo.Query{Size: 10}); len(page.Todos) != 0 || page.Next != nil {
		t.Errorf("page = %+v, want an empty last one", page)
	}
}

func TestAPageOfNoSizeIsADefect(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t)
	if page, err := store.ListTodos(t.Context(), user(t, "u"), todo.Query{}); err == nil {
		t.Errorf("ListTodos of size 0 = %+v, want an error", page)
	}
}

func TestPagingNeitherSkipsNorRepeatsWhileTodosComeAndGo(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	conn := pgtest.Connect(t, url)
	owner := user(t, "u")
	before := insert(t, conn, store, owner, 400)
	deleted := make(map[todo.ID]bool)
	got := listAll(t, store, owner, todo.Query{Size: 9}, func(n int, query *todo.Query) {
		create(t, store, owner, "made meanwhile")
		// The todo that the cursor names, and one that is still to come.
		victims := []todo.ID{query.After.ID}
		if next := n*9 + 20; next < len(before) {
			victims = append(victims, before[next].ID)
		}
		for _, id := range victims {
			if !deleted[id] {
				deleted[id] = true
				if err := store.DeleteTodo(t.Context(), owner, id, todo.Deletion{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})

	listed := make(map[todo.ID]bool)
	for _, one := range got {
		if listed[one.ID] {
			t.Errorf("%v is listed twice", one)
		}
		listed[one.ID] = true
		if one.Title == "made meanwhile" {
			t.Errorf("%v was made after the first page", one)
		}
	}
	for _, one := range before {
		if !deleted[one.ID] && !listed[one.ID] {
			t.Errorf("%v was skipped", one)
		}
	}
}

func TestThePageSizeMayChangeBetweenPages(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	want := insert(t, pgtest.Connect(t, url), store, owner, 200)
	got := listAll(t, store, owner, todo.Query{Size: 1}, func(n int, query *todo.Query) { query.Size = 1 + n*n })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEveryPageIsReadOffTheIndex looks at the plans of the statement that the
// store has prepared, both for given parameters and for any.
func TestEveryPageIsReadOffTheIndex(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	db := databasetest.Open(t, url, 1) // One connection, so that the statement is prepared on it.
	store := storeOn(db, 0)
	conn := pgtest.Connect(t, url)
	// Few owners with many todos each, and many owners with few: a plan made
	// for any owner must do for both.
	pgtest.ExecOn(t, conn, `
		INSERT INTO todo (user_id, title, is_completed, created_at)
		SELECT 'many ' || i % 5, 'x', i % 50 = 0, now() - i * INTERVAL '1 second'
		FROM   generate_series(1, 20000) AS i`)
	pgtest.ExecOn(t, conn, `
		INSERT INTO todo (user_id, title, created_at)
		SELECT 'few ' || i % 5000, 'x', now() - i * INTERVAL '1 second'
		FROM   generate_series(1, 20000) AS i`)
	pgtest.ExecOn(t, conn, "ANALYZE todo")
	owner := user(t, "many 3")
	page := list(t, store, owner, todo.Query{Size: 50})

	statement := preparedBy(t, db, "LIMIT")
	first := "'infinity', '00000000-0000-0000-0000-000000000000'"
	later := fmt.Sprintf("'%s', '%s'", page.Next.At.Format("2006-01-02 15:04:05.999999Z07:00"), page.Next.ID)
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		for _, cursor := range []string{first, later} {
			for _, filter := range []string{"NULL", "true", "false"} {
				arguments := fmt.Sprintf("'%s', %s, %s, 51", owner, cursor, filter)
				plan := statement.plan(t, mode, arguments)
				// One condition holds owner and place, and nothing is sorted.
				onIndex := strings.Contains(plan, "Index Scan using ix_todo_user_id_created_at") &&
					strings.Contains(plan, "Index Cond: (((user_id)") && strings.Contains(plan, "(ROW(created_at, id) <")
				if !onIndex || strings.Contains(plan, "Sort") {
					t.Errorf("%s, %s:\n%s", mode, arguments, plan)
				}
			}
		}
	}
}
