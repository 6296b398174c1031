package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// keySteps returns the SQL of docs/scaling.md that changes the key of todos: to one that
// begins with the user, back to the id, and on to one without a unique id.
func keySteps(t *testing.T) (there, back, on []string) {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "scaling.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	if len(blocks) != 3 {
		t.Fatalf("docs/scaling.md has %d blocks of SQL, this test knows 3", len(blocks))
	}
	var steps [3][]string
	for i, block := range blocks {
		text := regexp.MustCompile(`(?m)^--.*\n`).ReplaceAllString(block[1], "")
		for statement := range strings.SplitSeq(strings.TrimSpace(text), ";\n") {
			steps[i] = append(steps[i], strings.TrimSuffix(statement, ";"))
		}
	}
	return steps[0], steps[1], steps[2]
}

// TestTheKeyCanBeginWithTheUserWhileTodosAreCreated runs the steps of docs/scaling.md beside
// users who create todos and repeat that. The service is ready after each step but the last
// one, which it has to be changed for. A change that would wait for a backup gives up.
func TestTheKeyCanBeginWithTheUserWhileTodosAreCreated(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	there, back, on := keySteps(t)
	const users = 4
	stop := make(chan struct{})
	var group sync.WaitGroup
	var made [users]int
	for i := range users {
		owner := user(t, benchOwner(i))
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				d := draft("made meanwhile")
				for range 2 {
					if _, err := store.CreateTodo(t.Context(), owner, d); err != nil {
						t.Errorf("a create meanwhile: %v", err)
						return
					}
				}
				made[i]++
			}
		})
	}
	endCreates := sync.OnceFunc(func() {
		close(stop)
		group.Wait()
	})
	defer endCreates()
	alice, mallory := user(t, "alice"), user(t, "mallory")
	hers := create(t, store, alice, "hers")
	session := pgtest.Connect(t, url)
	for _, steps := range [][]string{there, back, there} {
		for _, step := range steps {
			if strings.HasPrefix(step, "ALTER TABLE") {
				checkGivesUp(t, url, session, step)
				pgtest.WaitFor(t, step, func() error { // It gives up on a busy machine, too.
					_, err := session.Exec(t.Context(), step)
					return err
				})
			} else {
				pgtest.ExecOn(t, session, step)
			}
			checkKey(t, store, step, alice, mallory, hers)
		}
		if got := definitionOf(t, url, "todo_id"); (got == "") != (len(steps) == len(back)) {
			t.Errorf("after %q todo_id is %q", steps, got)
		}
	}
	endCreates()
	all := 1
	for i, n := range made {
		if all += n; n == 0 {
			t.Errorf("user %d has created nothing meanwhile", i)
		}
	}
	if got := rows(t, url); got != all {
		t.Errorf("%d todos, want %d", got, all)
	}

	for _, step := range on {
		pgtest.Exec(t, url, step)
	}
	if err := store.Ready(t.Context()); !errors.Is(err, todo.ErrUnavailable) || !strings.Contains(err.Error(), "no primary key on id") {
		t.Errorf("without a unique id it is ready, or says another reason: %v", err)
	}
	var refused *pgconn.PgError
	if _, err := store.CreateTodo(t.Context(), alice, draft("t")); !errors.As(err, &refused) || refused.Code != "42P10" {
		t.Errorf("without a unique id a create ends with %v, want 42P10: there is nothing to conflict with", err)
	}
}

// checkGivesUp checks that a step that needs the whole table doesn't wait for a backup: all
// reads and writes would wait behind it.
func checkGivesUp(t *testing.T, url string, session *pgx.Conn, step string) {
	t.Helper()
	backup := pgtest.Begin(t, url, "LOCK TABLE todo IN ACCESS SHARE MODE")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var refused *pgconn.PgError
	if _, err := session.Exec(ctx, step); !errors.As(err, &refused) || refused.Code != "55P03" {
		t.Fatalf("%s beside a backup: %v, want 55P03", step, err)
	}
	if err := backup.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// checkKey checks that the service is ready and keeps what it says of ids.
func checkKey(t *testing.T, store *postgres.Store, step string, alice, mallory todo.UserID, hers todo.Todo) {
	t.Helper()
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("after %s: not ready: %v", step, err)
	}
	if _, err := store.CreateTodo(t.Context(), alice, todo.Draft{ID: &hers.ID, Title: hers.Title}); err != nil {
		t.Errorf("after %s: a repeated create: %v", step, err)
	}
	if _, err := store.CreateTodo(t.Context(), mallory, todo.Draft{ID: &hers.ID, Title: hers.Title}); !errors.Is(err, todo.ErrAlreadyExists) {
		t.Errorf("after %s: another's id: %v, want ErrAlreadyExists", step, err)
	}
	if got, err := store.GetTodo(t.Context(), alice, hers.ID); err != nil || got.Title != hers.Title {
		t.Errorf("after %s: %+v, %v", step, got, err)
	}
}

// definitionOf returns how an index is defined, or nothing when there is none.
func definitionOf(t *testing.T, url, index string) string {
	t.Helper()
	return pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT COALESCE(max(pg_get_indexdef(to_regclass('"+index+"'))), '')")
}
