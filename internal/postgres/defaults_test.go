package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// sessionDefaults are settings that change how sessions behave, with values that
// differ from PostgreSQL's own.
func sessionDefaults() map[string]string {
	return map[string]string{
		"DateStyle":                           "German, DMY",
		"TimeZone":                            "America/St_Johns", // -03:30:52 before 1935.
		"IntervalStyle":                       "sql_standard",
		"bytea_output":                        "escape",
		"client_encoding":                     "LATIN1",
		"standard_conforming_strings":         "off",
		"backslash_quote":                     "on",
		"array_nulls":                         "off",
		"extra_float_digits":                  "-15",
		"default_transaction_isolation":       "serializable",
		"default_transaction_deferrable":      "on",
		"transform_null_equals":               "on",
		"quote_all_identifiers":               "on",
		"lc_messages":                         "C",
		"client_min_messages":                 "debug5",
		"row_security":                        "off",
		"plan_cache_mode":                     "force_generic_plan",
		"statement_timeout":                   "20s",
		"lock_timeout":                        "20s",
		"idle_in_transaction_session_timeout": "20s",
		"session_replication_role":            "replica",
		"synchronous_commit":                  "off",
		"enable_indexscan":                    "off",
		"jit_above_cost":                      "0",
		"search_path":                         `"$user", public`,
	}
}

// database returns the name of the database that a URL names.
func database(t *testing.T, url string) string {
	t.Helper()
	return pgtest.Connect(t, url).Config().Database
}

func TestSessionDefaultsOfTheDatabaseOrTheRoleChangeNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, "ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range")
	// A role's defaults win over those of the database, and hold in all databases,
	// but for those in one.
	for name, value := range sessionDefaults() {
		on := "DATABASE " + database(t, url)
		if len(name)%2 == 0 {
			on = "ROLE " + conn.Config().User + " IN " + on
		}
		if name == "search_path" {
			pgtest.ExecOn(t, conn, "ALTER "+on+" SET search_path = "+value)
			continue
		}
		pgtest.ExecOn(t, conn, fmt.Sprintf("ALTER %s SET %s = '%s'", on, name, value))
	}
	if got := pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT concat(current_setting('DateStyle'), ' ', current_setting('client_encoding'))"); got != "German, DMY LATIN1" {
		t.Fatalf("the defaults are not in force: %s", got)
	}
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			store := openCrowd(t, pgtest.WithParameter(url, "default_query_exec_mode", mode), 4)
			owner := user(t, "ü-"+mode)
			const text = `it's \ é 😀 日本 "\n" $1`
			made := draft(text)
			created, err := store.CreateTodo(t.Context(), owner, made)
			if err != nil {
				t.Fatal(err)
			}
			// To somebody who reads what is stored, as UTF-8.
			if stored := pgtest.QueryText(t, pgtest.Connect(t, pgtest.WithParameter(url, "client_encoding", "UTF8")), "SELECT title FROM todo WHERE id = '"+created.ID.String()+"'"); stored != text {
				t.Errorf("stored as %q", stored)
			}
			again, err := store.CreateTodo(t.Context(), owner, made)
			if diff := cmp.Diff(created, again); err != nil || diff != "" {
				t.Errorf("created again: %v\n%s", err, diff)
			}
			if since := time.Since(created.CreatedAt); since < -time.Minute || since > time.Hour {
				t.Errorf("created at %v", created.CreatedAt)
			}
			// Before standard time, offsets have seconds.
			if _, err := store.Pool().Exec(t.Context(), "INSERT INTO todo (title, user_id, created_at) VALUES ('old', $1, '1880-01-02 03:04:05+00')", owner.String()); err != nil {
				t.Fatal(err)
			}
			changed, err := store.UpdateTodo(t.Context(), owner, created.ID, todo.Change{Description: new(text), IsCompleted: new(true)})
			if err != nil || changed.Description != text || !changed.UpdatedAt.After(created.UpdatedAt) {
				t.Errorf("changed to %+v, %v", changed, err)
			}
			all := listAll(t, store, owner, todo.Query{Size: 1}, nil)
			if len(all) != 2 || all[0] != changed || all[0].Title != text || !all[1].CreatedAt.Equal(time.Date(1880, 1, 2, 3, 4, 5, 0, time.UTC)) {
				t.Errorf("listed as %+v", all)
			}
			shared := newSomeCalls(t, store, user(t, "shared "+mode))
			store.share(t, shared.make(t.Context(), 20)...)()
			shared.want(20, nil)
			if err := store.DeleteTodo(t.Context(), owner, created.ID); err != nil {
				t.Error(err)
			}
			if err := store.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOthersInTheWayOfAStatementFailNoCall changes one todo, makes others of one
// id and reads, all at once, where transactions are serializable.
func TestOthersInTheWayOfAStatementFailNoCall(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"serializable", "repeatable read"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			url := pgtest.NewDatabase(t)
			pgtest.Exec(t, url, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_isolation = '%s'", database(t, url), isolation))
			store := open(t, url, 8)
			owner := user(t, "u")
			one := create(t, store, owner, "one")
			var group sync.WaitGroup
			const writers, rounds = 4, 25 // Half of the connections: none waits for a turn.
			for range writers {
				group.Go(func() {
					for range rounds {
						if _, err := store.UpdateTodo(t.Context(), owner, one.ID, todo.Change{IsCompleted: new(true)}); err != nil && !errors.Is(err, todo.ErrUnavailable) {
							t.Errorf("update: %v, want ErrUnavailable at most", err)
						}
					}
				})
			}
			same := draft("same")
			for range 2 {
				group.Go(func() {
					for range rounds {
						if _, err := store.CreateTodo(t.Context(), owner, same); err != nil && !errors.Is(err, todo.ErrUnavailable) {
							t.Errorf("create: %v, want ErrUnavailable at most", err)
						}
						if _, err := store.ListTodos(t.Context(), owner, todo.Query{Size: 10}); err != nil {
							t.Errorf("list: %v", err)
						}
					}
				})
			}
			group.Wait()
			got := listAll(t, store, owner, todo.Query{Size: 10}, nil)
			if len(got) != 2 {
				t.Errorf("%d todos, want 2", len(got))
			}
		})
	}
}

// TestAStatementThatWasRolledBackIsRunAgain has a transaction in the way of an
// update for exactly one attempt.
func TestAStatementThatWasRolledBackIsRunAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	pgtest.Exec(t, url, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_isolation = 'repeatable read'", database(t, url)))
	store := open(t, url, 4)
	owner := user(t, "u")
	one := create(t, store, owner, "one")
	tx := pgtest.Begin(t, url, "UPDATE todo SET description = 'meanwhile'")
	done := make(chan error, 1)
	var changed todo.Todo
	go func() {
		var err error
		changed, err = store.UpdateTodo(context.Background(), owner, one.ID, todo.Change{Title: new("two")})
		done <- err
	}()
	pgtest.WaitForLocked(t, url, 1)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || changed.Title != "two" || changed.Description != "meanwhile" {
		t.Errorf("changed to %+v, %v", changed, err)
	}
}
