package postgres_test

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkCreate measures creates into a table of a million todos, by eight
// callers for each processor, and what they write to PostgreSQL's log: with ids
// that rise, as the service makes them, with random ones, in batches or
// not, and without the index that lists don't use. The server keeps its promises through a crash.
func BenchmarkCreate(b *testing.B) {
	const users, todos = 10_000, 1_000_000
	url := pgtest.StartServer(b, map[string]string{"fsync": "on", "full_page_writes": "on"}).URL()
	pgtest.Exec(b, url, fmt.Sprintf(`
		INSERT INTO todo (user_id, title, description, created_at)
		SELECT 'user ' || i %% %d, 'Water the plants on the balcony', 'The tomatoes twice, the rosemary hardly at all',
		       now() - (%d - i) * INTERVAL '1 second'
		FROM   generate_series(1, %[2]d) AS i`, users, todos))
	pgtest.Exec(b, url, "VACUUM ANALYZE todo")
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(b.Context()) })
	written := func(b *testing.B) float64 {
		b.Helper()
		var bytes float64
		if err := conn.QueryRow(b.Context(), "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").Scan(&bytes); err != nil {
			b.Fatal(err)
		}
		return bytes
	}
	for _, bench := range []struct {
		name, before string
		newID        func() (uuid.UUID, error)
		batches      int
	}{
		{"rising ids", "", uuid.NewV7, 0},
		{"random ids", "", uuid.NewRandom, 0},
		{"rising ids, in batches", "", uuid.NewV7, 4},
		{"rising ids, without ix_todo_user_id", "DROP INDEX IF EXISTS ix_todo_user_id", uuid.NewV7, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			if bench.before != "" {
				pgtest.Exec(b, url, bench.before)
			}
			store := storeOn(databasetest.Open(b, url, 16, func(c *database.Config) { c.Batches = bench.batches }), 0)
			pgtest.Exec(b, url, "CHECKPOINT")
			const callers = 8
			b.SetParallelism(callers)
			var caller atomic.Int64
			var failure atomic.Pointer[error]
			before := written(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				n := int(caller.Add(1))
				for pb.Next() {
					n += callers * runtime.GOMAXPROCS(0)
					owner, err := todo.ParseUserID("user " + strconv.Itoa(n*7919%users))
					if err != nil {
						failure.Store(&err)
						return
					}
					id, err := bench.newID()
					if err != nil {
						failure.Store(&err)
						return
					}
					_, err = store.CreateTodo(b.Context(), owner, todo.Draft{
						ID: (*todo.ID)(&id), Title: "Water the plants on the balcony", Description: "The tomatoes twice",
					})
					if err != nil {
						failure.Store(&err)
						return
					}
				}
			})
			b.StopTimer()
			if err := failure.Load(); err != nil {
				b.Fatal(*err)
			}
			b.ReportMetric((written(b)-before)/float64(b.N), "WAL-B/op")
		})
	}
}
