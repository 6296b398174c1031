package database_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// The owners of todos in these tests. Each has seven times their number.
const owners = 9

// todosSQL makes todos, several of each creation time, every third completed. Their ids
// are those of [todoID].
const todosSQL = `
	INSERT INTO todo (id, user_id, title, description, is_completed, created_at, updated_at)
	SELECT md5(owner || ' ' || i)::uuid, 'u' || owner, 'todo ' || i, CASE WHEN i % 2 = 0 THEN 'NULL' END, i % 3 = 0, made, made
	FROM   generate_series(0, 8) AS owner, generate_series(1, 7 * owner) AS i, LATERAL (SELECT made(i)) AS m (made)`

// operation is a call of a store's method.
type operation struct {
	name string
	run  func(store todo.Store) (any, error)
}

func todoID(owner, number int) *todo.ID {
	id := todo.ID(md5.Sum(fmt.Append(nil, owner, " ", number)))
	return &id
}

// made returns when a todo was created.
func made(number int) time.Time {
	return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(number/4) * -time.Microsecond)
}

// user returns an owner by number.
func user(t *testing.T, owner int) todo.UserID {
	t.Helper()
	id, err := todo.ParseUserID(fmt.Sprint("u", owner))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// reads returns gets and lists by an owner: of what is theirs, another's and nobody's,
// and pages of every kind.
func reads(t *testing.T, owner int) (all []operation) {
	t.Helper()
	u, neighbour := user(t, owner), (owner+1)%owners
	for name, id := range map[string]*todo.ID{"first": todoID(owner, 1), "last": todoID(owner, 7*owner), "another's": todoID(neighbour, 3)} {
		all = append(all, operation{name: fmt.Sprintf("get of %v's %s", u, name), run: func(store todo.Store) (any, error) {
			return store.GetTodo(t.Context(), u, *id)
		}})
	}
	after := []*todo.Cursor{nil}
	for _, at := range [][2]int{{owner, 1}, {owner, 3 * owner}, {owner, 7 * owner}, {neighbour, 5}} {
		after = append(after, &todo.Cursor{At: made(at[1]), ID: *todoID(at[0], at[1])})
	}
	for n, filter := range []*bool{nil, new(true), new(false)} {
		for m, cursor := range after {
			query := todo.Query{Size: 1 + 7*n*m + owner, IsCompleted: filter, After: cursor}
			all = append(all, operation{name: fmt.Sprintf("list of %+v by %v", query, u), run: func(store todo.Store) (any, error) {
				return store.ListTodos(t.Context(), u, query)
			}})
		}
	}
	return all
}

// writes returns writes by an owner, each of another todo: of their own, a neighbour's,
// who does not write it, and nobody's.
func writes(t *testing.T, owner int) (all []operation) {
	t.Helper()
	const text = "it's \\ é 😀 日本 \"\\n\" $1 {braces} -- ;"
	u, foreign, nobody := user(t, owner), todoID((owner+1)%owners, 7), todoID(100, owner)
	add := func(name string, run func(store todo.Store) (any, error)) {
		all = append(all, operation{name: fmt.Sprintf("%s by %v", name, u), run: run})
	}
	create := func(name string, draft todo.Draft) {
		add("create of "+name, func(store todo.Store) (any, error) { return store.CreateTodo(t.Context(), u, draft) })
	}
	create("a new todo", todo.Draft{ID: todoID(200, owner), Title: text})
	create("one with a description", todo.Draft{ID: todoID(300, owner), Title: "t", Description: text})
	create("one that is there", todo.Draft{ID: todoID(owner, 5), Title: "todo 5"})
	create("one that is there with a description", todo.Draft{ID: todoID(owner, 6), Title: "todo 6", Description: "NULL"})
	create("another title", todo.Draft{ID: todoID(owner, 7), Title: "another"})
	create("another's", todo.Draft{ID: foreign, Title: "todo 7"})
	for name, id := range map[string]*todo.ID{"theirs": todoID(owner, 1), "another's": foreign, "nobody's": nobody} {
		add("update of "+name, func(store todo.Store) (any, error) {
			return store.UpdateTodo(t.Context(), u, *id, todo.Change{Title: new(text), IsCompleted: new(true)})
		})
	}
	add("update of a description", func(store todo.Store) (any, error) {
		return store.UpdateTodo(t.Context(), u, *todoID(owner, 2), todo.Change{Description: new("")})
	})
	for name, id := range map[string]*todo.ID{"theirs": todoID(owner, 4), "another's": foreign, "nobody's": nobody} {
		add("delete of "+name, func(store todo.Store) (any, error) {
			return nil, store.DeleteTodo(t.Context(), u, *id, todo.Deletion{})
		})
	}
	stale := todo.VersionAt(time.UnixMicro(1))
	for name, id := range map[string]*todo.ID{"theirs": todoID(owner, 3), "another's": foreign, "nobody's": nobody} {
		add("update of a version of "+name, func(store todo.Store) (any, error) {
			return store.UpdateTodo(t.Context(), u, *id, todo.Change{Title: new("lost"), If: stale})
		})
		add("delete of a version of "+name, func(store todo.Store) (any, error) {
			return nil, store.DeleteTodo(t.Context(), u, *id, todo.Deletion{If: stale})
		})
	}
	return all
}

// TestBatchedCallsAreAnsweredAsIfTheyWereAlone has all calls run alone in one database,
// and in batches in another one, whose sessions have odd defaults.
func TestBatchedCallsAreAnsweredAsIfTheyWereAlone(t *testing.T) {
	t.Parallel()
	const everything = "SELECT string_agg(concat_ws('|', id, user_id, title, description, is_completed, updated_at > '2026-01-02', deleted_at IS NULL), E'\n' ORDER BY id) FROM todo"
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			var urls [2]string
			for i := range urls {
				urls[i] = pgtest.NewDatabase(t)
				pgtest.Exec(t, urls[i], `CREATE FUNCTION made(i int) RETURNS timestamptz LANGUAGE sql AS
					$$ SELECT '2026-01-01 00:00:00+00'::timestamptz - (i / 4) * INTERVAL '1 microsecond' $$;`+todosSQL)
			}
			pgtest.OddDefaults(t, urls[1])
			config := postgres.Config{TrashRetention: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler)}
			alone := postgres.NewStore(databasetest.Open(t, urls[0], 2, unbatched), config)
			b := observe(openCounters(t, pgtest.WithParameter(urls[1], "default_query_exec_mode", mode), 6)) // One batch of each lane.
			batched := postgres.NewStore(b.DB, config)

			for _, operations := range []func(*testing.T, int) []operation{reads, writes} {
				var calls []func()
				for owner := range owners {
					for _, o := range operations(t, owner) {
						want, wantErr := o.run(alone)
						call := func() {
							got, err := o.run(batched)
							if fmt.Sprint(err) != fmt.Sprint(wantErr) {
								t.Errorf("%s: %v, want %v", o.name, err, wantErr)
							}
							now := cmp.FilterValues(func(a, b time.Time) bool { return a.After(made(-4)) && b.After(made(-4)) }, cmp.Ignore())
							versions := cmp.FilterValues(func(a, b todo.Version) bool {
								return a.Valid && b.Valid && a.UpdatedAt().After(made(-4)) && b.UpdatedAt().After(made(-4))
							}, cmp.Ignore())
							revisions := cmpopts.IgnoreFields(todo.Todo{}, "Revision")
							if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), now, versions, revisions); diff != "" {
								t.Errorf("%s (-alone +batched):\n%s", o.name, diff)
							}
						}
						calls = append(calls, call)
					}
				}
				b.together(t, calls...)
			}
			want, got := pgtest.QueryText(t, pgtest.Connect(t, urls[0]), everything), pgtest.QueryText(t, pgtest.Connect(t, pgtest.WithParameter(urls[1], "client_encoding", "UTF8")), everything)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is stored (-alone +batched):\n%s", diff)
			}
		})
	}
}

// TestABatchReadsForCallersWhoHaveLeft has callers leave at any time. What their batch
// reads for them meets nothing that they go on with, as the race detector sees.
func TestABatchReadsForCallersWhoHaveLeft(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	store := postgres.NewStore(databasetest.Open(t, url, 8), postgres.Config{TrashRetention: 24 * time.Hour, MaxTodos: 10, Logger: slog.New(slog.DiscardHandler)})
	u := user(t, 1)
	calls := []func(context.Context) error{
		func(ctx context.Context) error { _, err := store.GetTodo(ctx, u, *todoID(1, 1)); return err },
		func(ctx context.Context) error { _, err := store.ListTodos(ctx, u, todo.Query{Size: 2}); return err },
		func(ctx context.Context) error {
			_, err := store.CreateTodo(ctx, u, todo.Draft{ID: todoID(1, 1), Title: "t"})
			return err
		},
		func(ctx context.Context) error {
			_, err := store.UpdateTodo(ctx, u, *todoID(1, 1), todo.Change{IsCompleted: new(true)})
			return err
		},
	}
	if err := calls[2](t.Context()); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for n := range 50 {
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(rand.N(3*time.Millisecond), leave)
				if err := calls[(worker+n)%len(calls)](ctx); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				leave()
			}
		})
	}
	group.Wait()
}
