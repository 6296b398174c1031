package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkReads measures a read with the database that answers it, by one
// caller for each processor and by a hundred, in batches or not.
func BenchmarkReads(b *testing.B) {
	const users, todos = 100, 100
	url := pgtest.NewDatabase(b)
	pgtest.Exec(b, url, fmt.Sprintf(`
		INSERT INTO todo (user_id, title, description)
		SELECT 'user ' || i %% %d, 'Water the plants on the balcony', 'The tomatoes twice, the rosemary hardly at all'
		FROM   generate_series(1, %d) AS i`, users, users*todos))
	pgtest.Exec(b, url, "ANALYZE todo")
	owners := make([]todo.UserID, users)
	ids := make([]todo.ID, users)
	for _, batches := range []int{0, 4} {
		store := storeOn(databasetest.Open(b, url, 16, func(c *database.Config) { c.Batches = batches }), 0)
		for i := range owners {
			owners[i] = mustOwner(b, fmt.Sprintf("user %d", i))
			page, err := store.ListTodos(b.Context(), owners[i], todo.Query{Size: 1})
			if err != nil {
				b.Fatal(err)
			}
			ids[i] = page.Todos[0].ID
		}
		for _, read := range []struct {
			name string
			call func(user int) error
		}{
			{"get", func(user int) error {
				_, err := store.GetTodo(b.Context(), owners[user], ids[user])
				return err
			}},
			{"list 20", func(user int) error {
				_, err := store.ListTodos(b.Context(), owners[user], todo.Query{Size: 20})
				return err
			}},
		} {
			for _, each := range []int{1, 100} {
				callers := each * runtime.GOMAXPROCS(0)
				b.Run(fmt.Sprintf("%s/batches %d/%d callers", read.name, batches, callers), func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(each)
					var failure atomic.Pointer[error]
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := read.call(rand.IntN(users)); err != nil {
								failure.Store(&err)
							}
						}
					})
					if err := failure.Load(); err != nil {
						b.Fatal(*err)
					}
				})
			}
		}
	}
}

// BenchmarkFirstSync measures what a client gets that knows nothing yet of its 10,000
// todos: all pages of 200.
func BenchmarkFirstSync(b *testing.B) {
	const todos = 10_000
	url := pgtest.NewDatabase(b)
	pgtest.Exec(b, url, fmt.Sprintf(`
		INSERT INTO todo (user_id, title, description)
		SELECT 'user', 'Water the plants on the balcony', 'The tomatoes twice, the rosemary hardly at all'
		FROM   generate_series(1, %d) AS i`, todos))
	pgtest.Exec(b, url, "ANALYZE todo")
	store := storeOn(databasetest.Open(b, url, 4), 0)
	owner := mustOwner(b, "user")
	for b.Loop() {
		var at *todo.SyncPosition
		for read, hasMore := 0, true; hasMore; {
			page, err := store.ListChanges(b.Context(), owner, at, todo.MaxPageSize)
			if err != nil {
				b.Fatal(err)
			}
			read += len(page.Todos)
			at, hasMore = &page.Next, page.HasMore
			if !hasMore && read != todos {
				b.Fatalf("%d todos", read)
			}
		}
	}
}

// mustOwner returns an owner.
func mustOwner(b *testing.B, subject string) todo.UserID {
	b.Helper()
	owner, err := todo.ParseUserID(subject)
	if err != nil {
		b.Fatal(err)
	}
	return owner
}
