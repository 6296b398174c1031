package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// Values of todo_account.sealed.
const (
	open0 = iota
	leaving1
	arriving2
	gone3
	handedOver4
)

// seal sets the seal of an owner's account. Todos of a user who is gone are gone.
func seal(t *testing.T, url string, owner todo.UserID, sealed int) {
	t.Helper()
	sql := fmt.Sprintf("UPDATE todo_account SET sealed = %d WHERE user_id = '%s'", sealed, owner)
	if sealed == gone3 {
		sql += fmt.Sprintf("; DELETE FROM todo WHERE user_id = '%s'; DELETE FROM todo_request WHERE user_id = '%[1]s'", owner)
	}
	pgtest.Exec(t, url, sql)
}

// dump returns all that is in the service's tables.
func dump(t *testing.T, url string) string {
	t.Helper()
	var all []string
	for _, table := range []string{"todo_account", "todo", "todo_request"} {
		all = append(all, pgtest.QueryText(t, pgtest.Connect(t, url),
			"SELECT COALESCE(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM "+table+" AS r"))
	}
	return strings.Join(all, "\n")
}

// sealedCalls has each method of todo.Store in all its forms, on a todo that is there and
// one in the trash, by the name of the method and of the form. Those of a method with "?"
// read.
func sealedCalls(store todo.Store, owner todo.UserID, alive, trashed todo.Todo) map[string]func(context.Context) error {
	updates := map[string]todo.Change{
		"": {Title: new("new")}, " details": {Priority: new(todo.HighPriority)}, " a part of a date": {Due: todo.DueChange{Date: new("2026-12-01")}},
		" tags": {Tags: todo.TagsChange{Add: todo.Tags{"new"}}}, " by version": {Title: new("new"), If: alive.Version},
		" by another version": {Title: new("new"), If: trashed.Version},
	}
	calls := map[string]func(context.Context) error{
		"CreateTodo": func(ctx context.Context) error { _, err := store.CreateTodo(ctx, owner, draft("new")); return err },
		"CreateTodo details": func(ctx context.Context) error {
			_, err := store.CreateTodo(ctx, owner, detailed("new"))
			return err
		},
		"UpdateTodo of none": func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, neverMade(), todo.Change{Title: new("new")})
			return err
		},
		"DeleteTodo": func(ctx context.Context) error { return store.DeleteTodo(ctx, owner, alive.ID, todo.Deletion{}) },
		"DeleteTodo permanently": func(ctx context.Context) error {
			return store.DeleteTodo(ctx, owner, trashed.ID, todo.Deletion{Permanently: true})
		},
		"UndeleteTodo": func(ctx context.Context) error {
			_, err := store.UndeleteTodo(ctx, owner, trashed.ID, todo.Version{})
			return err
		},
		"EmptyTrash": func(ctx context.Context) error { return store.EmptyTrash(ctx, owner) },
		"ApplyTodos": func(ctx context.Context) error {
			_, err := store.ApplyTodos(ctx, owner, applyRequest(todo.CreateOperation{Draft: draft("new")}, todo.DeleteOperation{ID: alive.ID}))
			return err
		},
		"GetTodo?": func(ctx context.Context) error { _, err := store.GetTodo(ctx, owner, alive.ID); return err },
		"ListTodos?": func(ctx context.Context) error {
			_, err := store.ListTodos(ctx, owner, todo.Query{Size: 10})
			return err
		},
		"ListTodos? in the trash": func(ctx context.Context) error {
			_, err := store.ListTodos(ctx, owner, todo.Query{Size: 10, InTrash: true})
			return err
		},
		"ListTodos? with a filter": func(ctx context.Context) error {
			_, err := store.ListTodos(ctx, owner, todo.Query{Size: 10, Filter: todo.Filter{NoDueDate: true}})
			return err
		},
		"ListChanges?": func(ctx context.Context) error { _, err := store.ListChanges(ctx, owner, nil, 10); return err },
	}
	for form, change := range updates {
		calls["UpdateTodo"+form] = func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, alive.ID, change)
			return err
		}
	}
	return calls
}

// TestASealedAccountIsNotWrittenTo tries every method, whatever the seal, with a trash and
// without one.
func TestASealedAccountIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	for sealed, name := range map[int]string{leaving1: "leaving", arriving2: "arriving", gone3: "gone", handedOver4: "handed over"} {
		for _, retention := range []time.Duration{0, 24 * time.Hour} {
			t.Run(fmt.Sprint(name, " ", retention), func(t *testing.T) {
				t.Parallel()
				keeping, url := newStore(t)
				owner, other := user(t, "u"), user(t, "other")
				alive, trashed := create(t, keeping, owner, "alive"), create(t, keeping, owner, "trashed")
				create(t, keeping, other, "another's")
				remove(t, keeping, owner, trashed.ID, false)
				seal(t, url, owner, sealed)
				before := dump(t, url)

				store := postgres.NewStore(databasetest.Open(t, url, 4), postgres.Config{TrashRetention: retention, Logger: slog.New(slog.DiscardHandler)})
				for call, run := range sealedCalls(store, owner, alive, trashed) {
					err := run(t.Context())
					method, _, isRead := strings.Cut(call, "?")
					switch {
					case retention == 0 && errors.Is(err, todo.ErrNoTrash):
					case isRead && (sealed == leaving1 || sealed != gone3 && method != "ListChanges"):
						if err != nil {
							t.Errorf("%s: %v, want no error", call, err)
						}
					case !errors.Is(err, todo.ErrMoving), errors.Is(err, todo.ErrUnavailable):
						t.Errorf("%s: %v, want ErrMoving", call, err)
					}
				}
				where := map[bool]string{true: "is to be erased there", false: "finish the move"}[sealed == gone3]
				if _, err := store.EraseUser(t.Context(), owner); !errors.Is(err, todo.ErrMoving) || !strings.Contains(err.Error(), where) {
					t.Errorf("EraseUser: %v, want ErrMoving, and %q", err, where)
				}
				if diff := cmp.Diff(before, dump(t, url)); diff != "" {
					t.Errorf("the tables changed:\n%s", diff)
				}

				seal(t, url, owner, open0)
				if sealed != gone3 {
					create(t, keeping, owner, "after")
					remove(t, keeping, owner, alive.ID, true)
				}
				if _, err := store.EraseUser(t.Context(), owner); err != nil {
					t.Errorf("EraseUser of an open account: %v", err)
				}
			})
		}
	}
}

// TestEveryMethodIsTriedOnASealedAccount fails for a new one that is not.
func TestEveryMethodIsTriedOnASealedAccount(t *testing.T) {
	t.Parallel()
	tried := make(map[string]bool)
	for call := range sealedCalls(nil, todo.UserID{}, todo.Todo{}, todo.Todo{}) {
		method, _, _ := strings.Cut(call, " ")
		tried[strings.TrimSuffix(method, "?")] = true
	}
	for method := range reflect.TypeFor[todo.Store]().Methods() {
		if !tried[method.Name] {
			t.Errorf("todo.Store.%s is not tried", method.Name)
		}
	}
}

// TestASealedAccountHasItsReasonsTold wants refusals that say more to be told as ever.
func TestASealedAccountHasItsReasonsTold(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	made := draft("made")
	created, err := store.CreateTodo(t.Context(), owner, made)
	if err != nil {
		t.Fatal(err)
	}
	seal(t, url, owner, leaving1)
	if again, err := store.CreateTodo(t.Context(), owner, made); err != nil || !cmp.Equal(again, asCreated(created)) {
		t.Errorf("a repeated create: %+v, %v, want the todo", again, err)
	}
	if _, err := store.CreateTodo(t.Context(), owner, todo.Draft{ID: &created.ID, Title: "other"}); !errors.Is(err, todo.ErrAlreadyExists) {
		t.Errorf("another create with the id: %v, want ErrAlreadyExists", err)
	}
	if _, err := store.GetTodo(t.Context(), owner, neverMade()); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("a get of none: %v, want ErrNotFound", err)
	}
}

// TestASealedAccountHoldsUpNoBatch has a user of a sealed account write together with
// others: all of theirs succeed, and nothing runs twice.
func TestASealedAccountHoldsUpNoBatch(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	db := databasetest.Open(t, url, 4) // One batch of writes at a time.
	store := storeOn(db, 0)
	sealed := user(t, "sealed")
	hers := create(t, store, sealed, "hers")
	seal(t, url, sealed, leaving1)
	before := pgtest.InBatches(t, url)

	var calls sync.WaitGroup
	for n := range 50 {
		owner := user(t, fmt.Sprint("u", n))
		calls.Go(func() {
			for range 4 {
				if _, err := store.CreateTodo(t.Context(), owner, draft("another's")); err != nil {
					t.Error(err)
				}
			}
		})
		calls.Go(func() {
			if _, err := store.UpdateTodo(t.Context(), sealed, hers.ID, todo.Change{Title: new("new")}); !errors.Is(err, todo.ErrMoving) {
				t.Errorf("%v, want ErrMoving", err)
			}
		})
	}
	calls.Wait()
	if reruns := db.Stats().Reruns; reruns.Batch > 0 || reruns.RolledBack > 0 {
		t.Errorf("statements ran again: %+v", reruns)
	}
	if n := pgtest.InBatches(t, url); n == before {
		t.Error("nothing was in a batch")
	}
}

// TestNoSweepTouchesASealedAccount has what the sweep removes at an account that is sealed,
// and at one that is being sealed when the sweep comes, which waits for nobody.
func TestNoSweepTouchesASealedAccount(t *testing.T) {
	t.Parallel()
	for sealed := leaving1; sealed <= handedOver4; sealed++ {
		store, url := newStore(t)
		owner := user(t, "u")
		create(t, store, owner, "t")
		pgtest.Exec(t, url, "INSERT INTO todo (user_id, title, deleted_at) VALUES ('u', 'old', now() - interval '1 year')")
		tx := pgtest.Begin(t, url, fmt.Sprintf("UPDATE todo_account SET sealed = %d", sealed))
		if n, err := store.Sweep(t.Context()); err != nil || n != 0 {
			t.Errorf("while it is sealed as %d: %d were removed, %v", sealed, n, err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := store.Sweep(t.Context()); err != nil || n != 0 {
			t.Errorf("sealed %d: %d were removed, %v", sealed, n, err)
		}
		pgtest.Exec(t, url, "UPDATE todo_account SET sealed = 0")
		if n, err := store.Sweep(t.Context()); err != nil || n != 1 {
			t.Errorf("opened after %d: %d were removed, %v, want 1", sealed, n, err)
		}
	}
}

// TestASealWaitsForASweep seals an account while a sweep waits for the row of a todo that it
// is to remove. The seal has to come after: what it seals, nobody removes.
func TestASealWaitsForASweep(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	create(t, store, user(t, "u"), "t")
	pgtest.Exec(t, url, "INSERT INTO todo (user_id, title, deleted_at) VALUES ('u', 'old', now() - interval '1 year')")
	reader := pgtest.Begin(t, url, "SELECT FROM todo FOR UPDATE")
	swept := make(chan error, 1)
	go func() {
		n, err := store.Sweep(t.Context())
		if err == nil && n != 1 {
			err = fmt.Errorf("%d were removed, want 1", n)
		}
		swept <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	sealed, conn := make(chan error, 1), pgtest.Connect(t, url)
	go func() {
		_, err := conn.Exec(t.Context(), "UPDATE todo_account SET sealed = 1")
		sealed <- err
	}()
	pgtest.WaitForLocked(t, url, 2)
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-swept, <-sealed); err != nil {
		t.Error(err)
	}
}

// TestAWriteWaitsForASealAndIsRefused seals an account under a write that waits for it,
// in each form.
func TestAWriteWaitsForASealAndIsRefused(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	alive, trashed := create(t, store, owner, "alive"), create(t, store, owner, "trashed")
	remove(t, store, owner, trashed.ID, false)
	for call, run := range sealedCalls(store, owner, alive, trashed) {
		if strings.Contains(call, "?") || call == "UpdateTodo of none" || call == "UpdateTodo by another version" {
			continue // They wait for nobody.
		}
		before := dump(t, url)
		tx := pgtest.Begin(t, url, "UPDATE todo_account SET sealed = 1 WHERE user_id = 'u'")
		failed := make(chan error, 1)
		go func() { failed <- run(t.Context()) }()
		pgtest.WaitForLocked(t, url, 1)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, todo.ErrMoving) {
			t.Errorf("%s: %v, want ErrMoving", call, err)
		}
		seal(t, url, owner, open0)
		if diff := cmp.Diff(before, dump(t, url)); diff != "" {
			t.Errorf("%s changed the tables:\n%s", call, diff)
		}
	}
}

// TestHeadsLeaveOutThoseWhoAreElsewhere wants watchers of a user who is gone to be woken.
func TestHeadsLeaveOutThoseWhoAreElsewhere(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	var owners []todo.UserID
	for sealed := open0; sealed <= handedOver4; sealed++ {
		owner := user(t, fmt.Sprint("u", sealed))
		owners = append(owners, owner)
		create(t, store, owner, "t")
		seal(t, url, owner, sealed)
	}
	heads, err := store.Heads(t.Context(), owners)
	if err != nil {
		t.Fatal(err)
	}
	for sealed, owner := range owners {
		if _, isThere := heads[owner]; isThere != (sealed < arriving2) {
			t.Errorf("sealed %d: there is a head: %v", sealed, isThere)
		}
	}
}

// afterFirst is an observer that does something when a statement has ended for the first
// time, before its caller goes on.
type afterFirst struct {
	name string
	do   func()
	once *sync.Once
}

func (o afterFirst) StatementEnded(_ context.Context, report database.StatementReport) {
	if report.Name == o.name {
		o.once.Do(o.do)
	}
}

func (afterFirst) BatchEnded(database.BatchReport) {}

// TestACallThatWasRefusedLooksAgain has the account opened between a write that was refused
// and the look for the reason. The caller must not be told that there is no such todo, or
// that the id is taken.
func TestACallThatWasRefusedLooksAgain(t *testing.T) {
	t.Parallel()
	for call, statement := range map[string]string{
		"CreateTodo": "create todo", "CreateTodo details": "create todo", "UpdateTodo": "update todo", "UpdateTodo details": "update todo",
		"UpdateTodo by version": "update todo", "DeleteTodo": "delete todo", "DeleteTodo permanently": "purge todo", "UndeleteTodo": "undelete todo",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			store, url := newStore(t)
			owner := user(t, "u")
			alive, trashed := create(t, store, owner, "alive"), create(t, store, owner, "trashed")
			remove(t, store, owner, trashed.ID, false)
			seal(t, url, owner, leaving1)
			observer := afterFirst{statement, func() { seal(t, url, owner, open0) }, new(sync.Once)}
			store = storeOn(databasetest.Open(t, url, 4, func(c *database.Config) { c.Observer = observer }), 0)
			if err := sealedCalls(store, owner, alive, trashed)[call](t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAReadThatCameTooLateLooksAgain has a user come back between a read that has found
// nothing and the look for the reason.
func TestAReadThatCameTooLateLooksAgain(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	owner := user(t, "u")
	alive := create(t, store, owner, "alive")
	pgtest.Exec(t, url, "UPDATE todo SET user_id = 'elsewhere'")
	observer := afterFirst{"get todo", func() { pgtest.Exec(t, url, "UPDATE todo SET user_id = 'u'") }, new(sync.Once)}
	store = storeOn(databasetest.Open(t, url, 4, func(c *database.Config) { c.Observer = observer }), 0)
	if got, err := store.GetTodo(t.Context(), owner, alive.ID); err != nil || !cmp.Equal(got, alive) {
		t.Errorf("%+v, %v, want %+v", got, err, alive)
	}
}

// listener is an observer that notes the names of statements.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) StatementEnded(_ context.Context, report database.StatementReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, report.Name)
}

func (l *listener) BatchEnded(database.BatchReport) {}

// TestASecondLookIsOneStatement wants calls that find nothing to look for the reason once,
// and not at all in ApplyTodos, whose lock keeps the account from being sealed.
func TestASecondLookIsOneStatement(t *testing.T) {
	t.Parallel()
	heard := new(listener)
	store := storeOn(databasetest.Open(t, pgtest.NewDatabase(t), 4, func(c *database.Config) { c.Observer = heard }), 0)
	owner := user(t, "u")
	created := create(t, store, owner, "t")
	old := created.Version
	if _, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Title: new("new")}); err != nil {
		t.Fatal(err)
	}
	apply := func(operation todo.Operation) func(context.Context) error {
		return func(ctx context.Context) error {
			results, err := store.ApplyTodos(ctx, owner, applyRequest(operation))
			if err != nil {
				return err
			}
			return results[0].Err
		}
	}
	change := todo.Change{Title: new("new")}
	conditional := todo.Change{Title: new("new"), If: old}
	for call, test := range map[string]struct {
		run  func(context.Context) error
		want error
		said string
	}{
		"a list of none": {func(ctx context.Context) error {
			_, err := store.ListTodos(ctx, user(t, "other"), todo.Query{Size: 10})
			return err
		}, nil, "list todos, look at account"},
		"a get of none": {func(ctx context.Context) error {
			_, err := store.GetTodo(ctx, owner, neverMade())
			return err
		}, todo.ErrNotFound, "get todo, look for todo"},
		"an update of none": {func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, neverMade(), change)
			return err
		}, todo.ErrNotFound, "update todo, look for todo"},
		"an update of none by version": {func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, neverMade(), conditional)
			return err
		}, todo.ErrNotFound, "update todo, look for todo"},
		"an update by another version": {func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, owner, created.ID, conditional)
			return err
		}, todo.ErrConflict, "update todo, look for todo, get todo"},
		"an undelete of none": {func(ctx context.Context) error {
			_, err := store.UndeleteTodo(ctx, owner, neverMade(), todo.Version{})
			return err
		}, todo.ErrNotFound, "undelete todo, look for todo"},
		"an operation on none": {
			apply(todo.UpdateOperation{ID: neverMade(), Change: change}),
			todo.ErrNotFound, "lock account, find request, update todo, add request, apply todos",
		},
		"an operation on none by version": {
			apply(todo.UpdateOperation{ID: neverMade(), Change: conditional}),
			todo.ErrNotFound, "lock account, find request, update todo, get todo, add request, apply todos",
		},
		"an operation by another version": {
			apply(todo.UpdateOperation{ID: created.ID, Change: conditional}),
			todo.ErrConflict, "lock account, find request, update todo, get todo, add request, apply todos",
		},
		"an operation that restores none": {
			apply(todo.UndeleteOperation{ID: neverMade()}),
			todo.ErrNotFound, "lock account, find request, undelete todo, find todo, add request, apply todos",
		},
		"an operation that makes another todo of an id": {
			apply(todo.CreateOperation{Draft: todo.Draft{ID: &created.ID, Title: "another"}}),
			todo.ErrAlreadyExists, "lock account, find request, create todo, find created todo, add request, apply todos",
		},
	} {
		heard.heard = nil
		if err := test.run(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", call, err, test.want)
		}
		if said := strings.Join(heard.heard, ", "); said != test.said {
			t.Errorf("%s: %s, want %s", call, said, test.said)
		}
	}
}
