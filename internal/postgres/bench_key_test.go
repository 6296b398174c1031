package postgres_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkKey compares the table's key, the id alone, with one that begins with the user, as
// a table has to have that is spread over servers or partitions by user. It measures the
// key's bytes for a todo, and plain statements, on a connection of their own.
func BenchmarkKey(b *testing.B) {
	for _, key := range []string{"id", "user_id, id"} {
		b.Run(key, func(b *testing.B) {
			url := pgtest.StartServer(b, map[string]string{"full_page_writes": "off"}).URL()
			pgtest.Exec(b, url, "ALTER TABLE todo DROP CONSTRAINT todo_pkey, ADD CONSTRAINT todo_pkey PRIMARY KEY ("+key+")")
			fillForBench(b, url)
			session := pgtest.Connect(b, url)
			var bytes float64
			if err := session.QueryRow(b.Context(), "SELECT pg_relation_size('todo_pkey')::float / $1::float", benchTodos).Scan(&bytes); err != nil {
				b.Fatal(err)
			}
			conn := pgtest.Connect(b, pgtest.WithParameter(url, "application_name", benchApplication))
			for _, statement := range []struct {
				name, sql string
				id        func(n int) todo.ID
			}{
				{"create", "INSERT INTO todo (user_id, id, title, revision) VALUES ($1, $2, '" + benchTitle + "', 1000000) ON CONFLICT (" + key + ") DO NOTHING", func(int) todo.ID { return todo.ID(uuid.New()) }},
				{"get", "SELECT title FROM todo WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL", benchID},
				{"update", "UPDATE todo SET is_completed = NOT is_completed, revision = revision + 1000000 WHERE user_id = $1 AND id = $2", benchID},
			} {
				b.Run(statement.name, func(b *testing.B) {
					before, cpuBefore := walWritten(b, session), backendsCPU(b, session)
					random := rand.New(rand.NewPCG(1, uint64(b.N)))
					for b.Loop() {
						n := 1 + random.IntN(benchTodos)
						rows, err := conn.Query(b.Context(), statement.sql, benchOwner(n%benchUsers), [16]byte(statement.id(n)))
						if err != nil {
							b.Fatal(err)
						}
						if rows.Close(); rows.Err() != nil || rows.CommandTag().RowsAffected() != 1 {
							b.Fatalf("%v, %v", rows.CommandTag(), rows.Err())
						}
					}
					b.ReportMetric(bytes, "key-B/todo")
					b.ReportMetric(float64((backendsCPU(b, session)-cpuBefore).Microseconds())/float64(b.N), "PostgreSQL-us/op")
					b.ReportMetric((walWritten(b, session)-before)/float64(b.N), "WAL-B/op")
				})
			}
		})
	}
}
