package database_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// crowd is a store whose calls can be made to share a statement.
type crowd struct {
	*postgres.Store

	mu     sync.Mutex
	shared []sharedStatement // That have ended.
}

type sharedStatement struct {
	calls int
	err   error
}

// openCrowd is open for a crowd.
func openCrowd(t *testing.T, url string, maxConns int, change ...func(*database.Bounds)) *crowd {
	t.Helper()
	return crowdOf(t, openConfig(t, database.Config{URL: url, MaxConns: maxConns, SharedStatements: 4}, change...))
}

// crowdOf returns a store as a crowd. Nobody may have used it.
func crowdOf(t *testing.T, store *postgres.Store) *crowd {
	t.Helper()
	c := &crowd{Store: store}
	c.OnShared(func(calls int, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.shared = append(c.shared, sharedStatement{calls, err})
	})
	return c
}

// statements returns the statements that have been shared and ended so far.
func (c *crowd) statements() []sharedStatement {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sharedStatement(nil), c.shared...)
}

// servedTogether returns how many calls have been served by statements of more
// than one.
func (c *crowd) servedTogether() (served int) {
	for _, statement := range c.statements() {
		if statement.err == nil && statement.calls > 1 {
			served += statement.calls
		}
	}
	return served
}

// share has calls share a statement, one for each kind, unless they are too
// many for that. It returns when they have begun to; wait returns
// when all have been answered.
func (c *crowd) share(t *testing.T, calls ...func()) (wait func()) {
	t.Helper()
	var group sync.WaitGroup
	release := c.Crowd()
	for _, call := range calls {
		group.Go(call)
	}
	c.waitUntilWaiting(t, len(calls))
	release()
	return group.Wait
}

// shareInOrder is share for calls that come one after the other.
func (c *crowd) shareInOrder(t *testing.T, calls ...func()) (wait func()) {
	t.Helper()
	var group sync.WaitGroup
	release := c.Crowd()
	for n, call := range calls {
		group.Go(call)
		c.waitUntilWaiting(t, n+1)
	}
	release()
	return group.Wait
}

// waitUntilWaiting waits until so many calls wait to share a statement.
func (c *crowd) waitUntilWaiting(t *testing.T, want int) {
	t.Helper()
	pgtest.WaitFor(t, "the calls", func() error {
		if n := c.WaitingToShare(); n != want {
			return fmt.Errorf("%d of %d wait to share", n, want)
		}
		return nil
	})
}

// waitUntilIdle waits until no statement counts as running.
func (c *crowd) waitUntilIdle(t *testing.T) {
	t.Helper()
	pgtest.WaitFor(t, "the statements to end", func() error {
		if n := c.Running(); n != 0 {
			return fmt.Errorf("%d run", n)
		}
		return nil
	})
}

// together has calls answered by the statements that they share. On a busy
// machine those may come late: then it is done again.
func (c *crowd) together(t *testing.T, calls ...func()) {
	t.Helper()
	var late error
	for range 100 {
		before := len(c.statements())
		c.share(t, calls...)()
		served := 0
		for _, statement := range c.statements()[before:] {
			if late = errors.Join(late, statement.err); statement.err == nil {
				served += statement.calls
			}
		}
		if served == len(calls) {
			return
		}
	}
	t.Fatalf("%d calls are not answered by statements that they share: %v", len(calls), late)
}

// sharedRead is a read and what came of it.
type sharedRead struct {
	name string
	run  func(store todo.Store) (any, error)
	want any
	err  error
}

// manyReads returns reads of many owners: of what is theirs, another's and
// nobody's, and pages of every kind, with what a store that shares nothing
// answers.
func manyReads(t *testing.T, url, mode string) (gets, lists []sharedRead) {
	t.Helper()
	const owners = 9
	alone := openConfig(t, database.Config{URL: pgtest.WithParameter(url, "default_query_exec_mode", mode), MaxConns: 2})
	conn := pgtest.Connect(t, url)
	var owned [][]todo.Todo
	for i := range owners {
		// The first has none, and the second fewer than a page.
		owned = append(owned, insert(t, conn, alone, user(t, fmt.Sprintf("%s %d", mode, i)), 7*i))
	}
	get := func(owner int, id todo.ID) {
		u := user(t, fmt.Sprintf("%s %d", mode, owner))
		gets = append(gets, sharedRead{name: fmt.Sprintf("get of %v by %v", id, u), run: func(store todo.Store) (any, error) {
			return store.GetTodo(t.Context(), u, id)
		}})
	}
	list := func(owner int, query todo.Query) {
		u := user(t, fmt.Sprintf("%s %d", mode, owner))
		lists = append(lists, sharedRead{name: fmt.Sprintf("list of %+v by %v", query, u), run: func(store todo.Store) (any, error) {
			return store.ListTodos(t.Context(), u, query)
		}})
	}
	for i := range owners {
		neighbour := owned[(i+1)%owners]
		if len(neighbour) > 0 {
			get(i, neighbour[len(neighbour)/2].ID)
		}
		if len(owned[i]) > 0 {
			get(i, owned[i][0].ID)
			get(i, owned[i][len(owned[i])-1].ID)
		}
		get(i, neverMade())
		for n, filter := range []*bool{nil, new(true), new(false)} {
			list(i, todo.Query{Size: 1 + 3*n + i, IsCompleted: filter})
			if len(neighbour) > 0 {
				list(i, todo.Query{Size: 1 + i, IsCompleted: filter, After: &todo.Cursor{
					CreatedAt: neighbour[len(neighbour)/3].CreatedAt, ID: neighbour[len(neighbour)/3].ID,
				}})
			}
			if all := owned[i]; len(all) > 0 {
				for _, after := range []todo.Todo{all[0], all[len(all)/2], all[len(all)-1]} {
					list(i, todo.Query{Size: 200, IsCompleted: filter, After: &todo.Cursor{CreatedAt: after.CreatedAt, ID: after.ID}})
				}
			}
		}
	}
	for _, reads := range [][]sharedRead{gets, lists} {
		for i, read := range reads {
			reads[i].want, reads[i].err = read.run(alone)
		}
	}
	return gets, lists
}

// check compares what a store answers with what it should.
func (r sharedRead) check(t *testing.T, store todo.Store) {
	t.Helper()
	got, err := r.run(store)
	if fmt.Sprint(err) != fmt.Sprint(r.err) {
		t.Errorf("%s: %v, want %v", r.name, err, r.err)
		return
	}
	if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-alone +shared):\n%s", r.name, diff)
	}
}

func TestSharedReadsAreAnsweredAsIfTheyWereAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			gets, lists := manyReads(t, url, mode)
			store := openCrowd(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 4)
			rand.Shuffle(len(lists), func(i, j int) { lists[i], lists[j] = lists[j], lists[i] })
			for len(gets)+len(lists) > 0 {
				var reads []func()
				some, few := gets[:min(20, len(gets))], lists[:min(9, len(lists))] // Lists may be of 201 each.
				for _, read := range append(append([]sharedRead(nil), some...), few...) {
					reads = append(reads, func() { read.check(t, store) })
				}
				store.together(t, reads...)
				gets, lists = gets[len(some):], lists[len(few):]
			}
		})
	}
}

// TestReadsThatShareOfThemselvesAreAnsweredAsIfTheyWereAlone has as many
// callers at once as make reads share without further help.
func TestReadsThatShareOfThemselvesAreAnsweredAsIfTheyWereAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	gets, lists := manyReads(t, url, "cache_statement")
	store := openCrowd(t, url, 16)
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			for range 10 {
				gets[rand.IntN(len(gets))].check(t, store)
				lists[rand.IntN(len(lists))].check(t, store)
			}
		})
	}
	group.Wait()
	if served := store.servedTogether(); served < 100 {
		t.Errorf("%d reads shared a statement", served)
	}
}

// TestThePageOfTheLargestSizeThatIsSharedIsComplete is about the LIMIT in the
// statement that stands for maxCallRows.
func TestThePageOfTheLargestSizeThatIsSharedIsComplete(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 4)
	owner := user(t, "u")
	all := insert(t, pgtest.Connect(t, url), store, owner, 505)
	read := func(size int) func() {
		return func() {
			last := all[size-1]
			want := todo.Page{Todos: all[:size], Next: &todo.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}}
			if diff := cmp.Diff(want, list(t, store, owner, todo.Query{Size: size})); diff != "" {
				t.Errorf("a page of %d:\n%s", size, diff)
			}
		}
	}
	store.together(t, read(499), read(499))

	defer store.Crowd()() // So that they would wait, if they shared.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		read(500)()
		read(504)()
	}()
	pgtest.WaitFor(t, "larger pages", func() error {
		select {
		case <-ended:
			return nil
		default:
			return errors.New("not yet")
		}
	})
}

// planCost finds what the planner thinks that a plan costs.
var planCost = regexp.MustCompile(`cost=[0-9.]+\.\.([0-9]+)`)

// TestSharedReadsAreReadOffTheIndexes looks at the plans of the statements that
// the store has prepared, both for given parameters and for any.
func TestSharedReadsAreReadOffTheIndexes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rows    string
		isSmall bool // How it is read does not matter.
	}{
		// As in TestEveryPageIsReadOffTheIndex.
		"few owners with many todos, many with few": {rows: `
			SELECT 'many ' || i % 5, 'x', i % 50 = 0, now() - i * INTERVAL '1 second'
			FROM   generate_series(1, 20000) AS i
			UNION ALL
			SELECT 'few ' || i % 5000, 'x', false, now() - i * INTERVAL '1 second'
			FROM   generate_series(1, 20000) AS i`},
		// The planner expects a share of a list for each call.
		"one owner with very many todos": {rows: `
			SELECT 'many 3', 'x', i % 50 = 0, now() - i * INTERVAL '1 second'
			FROM   generate_series(1, 100000) AS i`},
		"no more than a page": {isSmall: true, rows: `
			SELECT 'many ' || i % 5, 'x', i % 50 = 0, now() - i * INTERVAL '1 second'
			FROM   generate_series(1, 40) AS i`},
		"none yet": {isSmall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			conn := pgtest.Connect(t, url)
			if test.rows != "" {
				pgtest.ExecOn(t, conn, "INSERT INTO todo (user_id, title, is_completed, created_at) "+test.rows)
				pgtest.ExecOn(t, conn, "VACUUM ANALYZE todo")
			}
			store := openCrowd(t, url, 1) // One connection, so that we get the store's.
			owner := user(t, "many 3")
			store.together(t,
				func() { _, _ = store.GetTodo(t.Context(), owner, neverMade()) },
				func() { list(t, store, owner, todo.Query{Size: 50}) })

			get := preparedBy(t, store.Store, "todo_id")
			page := get.beside(t, "after_time")
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				for _, calls := range []int{1, 3, 100} {
					array := func(element, kind string) string {
						return fmt.Sprintf("array_fill((%s)::%s, ARRAY[%d])", element, kind, calls)
					}
					owners, ids := array("'many 3'", "text"), array("'"+neverMade().String()+"'", "uuid")
					wantOnIndex(t, test.isSmall, get.plan(t, mode, owners+", "+ids),
						"Index Scan using todo_pkey", "Index Cond: (id = asked.todo_id)")
					for _, at := range []string{"'infinity'", "now() - INTERVAL '1 hour'"} {
						arguments := strings.Join([]string{owners, array(at, "timestamptz"), ids, array("NULL", "boolean"), array("51", "integer")}, ", ")
						wantOnIndex(t, test.isSmall, page.plan(t, mode, arguments),
							"Index Scan using ix_todo_user_id_created_at", "Index Cond: (((user_id)", "(ROW(created_at, id) <")
					}
				}
			}
		})
	}
}

// wantOnIndex wants a plan to look at the table for one call after the other,
// with certain words about how unless the table is small, and not to cost so
// much that PostgreSQL would compile it.
func wantOnIndex(t *testing.T, isSmall bool, plan string, words ...string) {
	t.Helper()
	const tooMuch = 100_000 / 5 // Of jit_above_cost, since tables are larger and less in order.
	good := strings.HasPrefix(plan, "Nested Loop") && strings.Contains(plan, "Function Scan on asked") &&
		(isSmall || !strings.Contains(plan, "Sort"))
	for _, word := range words {
		good = good && (isSmall || strings.Contains(plan, word))
	}
	whole := planCost.FindStringSubmatch(plan)
	if n, err := strconv.Atoi(whole[1]); !good || err != nil || n >= tooMuch {
		t.Errorf("the plan is:\n%s", plan)
	}
}
