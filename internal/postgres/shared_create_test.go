package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// sharedCreate is a create and what comes of it.
type sharedCreate struct {
	owner todo.UserID
	draft todo.Draft
	want  error

	got todo.Todo
	err error
}

func (c *sharedCreate) run(t *testing.T, store todo.Store) {
	t.Helper()
	c.got, c.err = store.CreateTodo(t.Context(), c.owner, c.draft)
}

// check compares what came of it with the draft and with what is stored.
func (c *sharedCreate) check(t *testing.T, store todo.Store) {
	t.Helper()
	if !errors.Is(c.err, c.want) {
		t.Errorf("%v's %q: %v, want %v", c.owner, c.draft.Title, c.err, c.want)
	}
	if c.err != nil {
		if c.got != (todo.Todo{}) {
			t.Errorf("beside an error %v is shown %+v", c.owner, c.got)
		}
		return
	}
	stored, err := store.GetTodo(t.Context(), c.owner, *c.draft.ID)
	if err != nil {
		t.Errorf("%v's %q: %v", c.owner, c.draft.Title, err)
	}
	want := todo.Todo{
		ID: *c.draft.ID, Title: c.draft.Title, Description: c.draft.Description,
		CreatedAt: stored.CreatedAt, UpdatedAt: stored.CreatedAt,
	}
	if diff := cmp.Diff(want, c.got); diff != "" {
		t.Errorf("%v's %q:\n%s", c.owner, c.draft.Title, diff)
	}
	want.IsCompleted, want.UpdatedAt = stored.IsCompleted, stored.UpdatedAt
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("%v's %q as it is stored:\n%s", c.owner, c.draft.Title, diff)
	}
}

// createTogether has creates share a statement, and checks what comes of them.
func (c *crowd) createTogether(t *testing.T, creates ...*sharedCreate) {
	t.Helper()
	var calls []func()
	for _, one := range creates {
		calls = append(calls, func() { one.run(t, c) })
	}
	c.together(t, calls...)
	for _, one := range creates {
		one.check(t, c)
	}
}

// TestSharedCreatesAreAnsweredAsIfTheyWereAlone has one statement make new
// todos, repeat such as are there, and be refused ids that are taken.
func TestSharedCreatesAreAnsweredAsIfTheyWereAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range queryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := withParameter(pgtest.NewDatabase(t), "default_query_exec_mode", mode)
			store := openCrowd(t, url, 4)
			owner := func(i int) todo.UserID { return user(t, fmt.Sprintf("u%d", i)) }
			older := make([]*sharedCreate, 8)
			for i := range older {
				d := draft(fmt.Sprintf("older, of u%d: 'quoted', \"{braces}\", \\", i))
				if i%2 == 0 {
					d.Description = "NULL"
				}
				older[i] = &sharedCreate{owner: owner(i), draft: d}
			}
			store.createTogether(t, older...)
			completed := todo.Change{IsCompleted: new(true)}
			if _, err := store.UpdateTodo(t.Context(), owner(0), *older[0].draft.ID, completed); err != nil {
				t.Fatal(err)
			}

			var creates []*sharedCreate
			for i := range older {
				d := draft(fmt.Sprintf("new, of u%d", i))
				if i%3 == 0 {
					d.Description = "d\n\t, \x01 é 😀"
				}
				creates = append(creates, &sharedCreate{owner: owner(i), draft: d})
			}
			creates = append(creates, older[0], older[1])
			for n, change := range map[int]func(*sharedCreate){
				2: func(c *sharedCreate) { c.draft.Title = "another title" },
				3: func(c *sharedCreate) { c.owner = owner(0) },
				4: func(c *sharedCreate) { c.draft.Description = "" },
				5: func(c *sharedCreate) { c.draft.Description = "NULL" },
			} {
				taken := *older[n]
				change(&taken)
				taken.want = todo.ErrAlreadyExists
				creates = append(creates, &taken)
			}
			store.createTogether(t, creates...)
			if got, want := rows(t, url), 2*len(older); got != want {
				t.Errorf("%d todos, want %d", got, want)
			}
		})
	}
}

// TestCreatesOfOneIDShareNoStatement has each of the same todo's creates
// answered, and one of those that want different ones.
func TestCreatesOfOneIDShareNoStatement(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 8)
	same, one := draft("same"), draft("t")
	var creates, rivals []*sharedCreate
	for i := range 10 {
		creates = append(creates,
			&sharedCreate{owner: user(t, "u"), draft: same},
			&sharedCreate{owner: user(t, fmt.Sprint("v", i)), draft: draft("neighbour")})
		rivals = append(rivals, &sharedCreate{owner: user(t, fmt.Sprint("w", i)), draft: one, want: todo.ErrAlreadyExists})
	}
	var group sync.WaitGroup
	release := store.Crowd()
	for _, one := range slices.Concat(creates, rivals) {
		group.Go(func() { one.run(t, store) })
	}
	store.waitUntilWaiting(t, 12) // One for each todo.
	release()
	group.Wait()

	won := 0
	for _, rival := range rivals {
		if rival.err == nil {
			won++
			rival.want = nil
		}
	}
	for _, one := range slices.Concat(creates, rivals) {
		one.check(t, store)
	}
	if won != 1 {
		t.Errorf("%d of them won", won)
	}
	if got := rows(t, url); got != 12 {
		t.Errorf("%d todos, want 12", got)
	}
	for _, statement := range store.statements() {
		if failed, ok := errors.AsType[*pgconn.PgError](statement.err); ok {
			t.Errorf("%d calls shared a statement that failed: %v", statement.calls, failed)
		}
	}
}

// TestSharedCreatesOfTwoStoresDoNotLockOneAnotherOut has two stores make the same
// todos in opposite orders. Each is at work on one when they come to a third, which
// a transaction beside them makes and takes back: the store that has it then goes on
// to the one that the other is at work on, unless both began with the same.
func TestSharedCreatesOfTwoStoresDoNotLockOneAnotherOut(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	stores := [2]*crowd{openCrowd(t, url, 4), openCrowd(t, url, 4)}
	var failed error
	for range 100 { // On a busy machine the statements may come late.
		var creates []sharedCreate
		for i := range 3 {
			creates = append(creates, sharedCreate{owner: user(t, fmt.Sprint("u", i)), draft: draft("t")})
		}
		held := begin(t, url, fmt.Sprintf("INSERT INTO todo (id, user_id, title) VALUES ('%v', 'v', 't')", creates[1].draft.ID))
		var waits []func()
		for _, store := range stores {
			var calls []func()
			for _, create := range creates {
				calls = append(calls, func() {
					if create.run(t, store); create.err != nil {
						t.Error(create.err)
					}
				})
			}
			waits = append(waits, store.shareInOrder(t, calls...))
			slices.Reverse(creates)
		}
		pgtest.WaitForLocked(t, url, 2)
		if err := held.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		failed = nil
		for i, store := range stores {
			waits[i]()
			failed = errors.Join(failed, store.statements()[len(store.statements())-1].err)
		}
		if failed == nil {
			return
		}
	}
	t.Errorf("no two statements have both succeeded: %v", failed)
}

// TestSharedCreatesDoNotWaitForRowsThatAreThere has some of those who share repeat
// what they have made, while it is being changed.
func TestSharedCreatesDoNotWaitForRowsThatAreThere(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 8)
	made := []*sharedCreate{{owner: user(t, "u"), draft: draft("t")}, {owner: user(t, "u"), draft: draft("t")}}
	store.createTogether(t, made...)
	locked := begin(t, url, "UPDATE todo SET title = title")
	var failed error
	var waits []func()
	var repetitions []*sharedCreate
	for range 100 { // On a busy machine the statement may come late.
		var calls []func()
		for _, one := range made {
			again := &sharedCreate{owner: one.owner, draft: one.draft}
			repetitions = append(repetitions, again)
			calls = append(calls, func() { again.run(t, store) })
		}
		var others sync.WaitGroup
		for _, name := range []string{"v", "w"} {
			other := &sharedCreate{owner: user(t, name), draft: draft("t")}
			others.Add(1)
			calls = append(calls, func() {
				defer others.Done()
				other.run(t, store)
				other.check(t, store)
			})
		}
		before := len(store.statements())
		waits = append(waits, store.share(t, calls...))
		others.Wait()
		if failed = store.statements()[before].err; failed == nil {
			break
		}
	}
	if failed != nil {
		t.Errorf("no statement has succeeded: %v", failed)
	}
	if err := locked.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, wait := range waits {
		wait()
	}
	for _, one := range repetitions {
		one.check(t, store)
	}
}

// TestACreateThatTheTableRefusesFailsAlone is about a draft that the service
// would not let pass.
func TestACreateThatTheTableRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 8)
	good := make([]*sharedCreate, 10)
	var refused error
	calls := []func(){func() { _, refused = store.CreateTodo(t.Context(), user(t, "u"), draft(" ")) }}
	for i := range good {
		good[i] = &sharedCreate{owner: user(t, fmt.Sprint("u", i)), draft: draft("t")}
		calls = append(calls, func() { good[i].run(t, store) })
	}
	store.share(t, calls...)()
	for _, create := range good {
		create.check(t, store)
	}
	if refused == nil || errors.Is(refused, todo.ErrUnavailable) || errors.Is(refused, todo.ErrAlreadyExists) {
		t.Errorf("a blank title: %v", refused)
	}
	if got := rows(t, url); got != 10 {
		t.Errorf("%d todos, want 10", got)
	}
}

// TestLongTextsShareStatementsOfABoundedSize is about what many long descriptions
// take at once, of memory and of time.
func TestLongTextsShareStatementsOfABoundedSize(t *testing.T) {
	t.Parallel()
	const most = 2 << 20 // Bytes.
	store := openCrowd(t, pgtest.NewDatabase(t), 4)
	long := strings.Repeat("😀", 2000)
	for round := 0; store.servedTogether() == 0; round++ { // Not when they came late.
		if round == 100 {
			t.Fatal("none shared a statement")
		}
		creates := make([]*sharedCreate, 400)
		calls := make([]func(), len(creates))
		for i := range creates {
			creates[i] = &sharedCreate{owner: user(t, fmt.Sprint("u", i)), draft: draft("t")}
			creates[i].draft.Description = long
			calls[i] = func() { creates[i].run(t, store) }
		}
		store.share(t, calls...)()
		for _, create := range creates {
			create.check(t, store)
		}
	}
	for _, statement := range store.statements() {
		if size := statement.calls * len(long); size > most {
			t.Errorf("%d calls of %d bytes shared a statement", statement.calls, size)
		}
	}
}

// TestManyCreatesShareOfThemselves has as many callers at once as make creates
// share without further help, and looks for each todo that was acknowledged.
func TestManyCreatesShareOfThemselves(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := openCrowd(t, url, 16)
	const callers, each = 40, 10
	creates := make([]sharedCreate, callers*each)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for n := range each {
				create := &creates[i*each+n]
				create.owner, create.draft = user(t, fmt.Sprint("u", i%7)), draft(fmt.Sprintf("%d %d", i, n))
				create.run(t, store)
			}
		})
	}
	group.Wait()
	for i := range creates {
		creates[i].check(t, store)
	}
	if got := rows(t, url); got != callers*each {
		t.Errorf("%d todos, want %d", got, callers*each)
	}
	if shared := store.servedTogether(); shared < callers {
		t.Errorf("%d creates shared a statement", shared)
	}
}
