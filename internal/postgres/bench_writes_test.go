package postgres_test

import (
	"crypto/md5"
	"crypto/sha256"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkWrites measures what one write of each kind adds to PostgreSQL's log (WAL), and
// the CPU time of its backends, on users and todos at random. "records" is without the images of whole pages, which a page's
// first change after a checkpoint adds; "from a checkpoint" is with them, so that it depends
// on the number of writes since then.
func BenchmarkWrites(b *testing.B) {
	for name, fullPageWrites := range map[string]string{"records": "off", "from a checkpoint": "on"} {
		b.Run(name, func(b *testing.B) {
			url := pgtest.StartServer(b, map[string]string{"full_page_writes": fullPageWrites}).URL()
			fillForBench(b, url)
			store := storeForBench(b, url, 2)
			for _, kind := range benchWrites() {
				b.Run(kind.name, func(b *testing.B) {
					conn := pgtest.Connect(b, url)
					pgtest.ExecOn(b, conn, "CHECKPOINT")
					if err := kind.write(b, store, mustOwner(b, benchOwner(0)), benchUsers); err != nil { // So that there are backends.
						b.Fatal(err)
					}
					before, cpuBefore := walWritten(b, conn), backendsCPU(b, conn)
					random := rand.New(rand.NewPCG(1, uint64(b.N)))
					for b.Loop() {
						n := 1 + random.IntN(benchTodos)
						if err := kind.write(b, store, mustOwner(b, benchOwner(n%benchUsers)), n); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64((backendsCPU(b, conn)-cpuBefore).Microseconds())/float64(b.N), "PostgreSQL-us/op")
					b.ReportMetric((walWritten(b, conn)-before)/float64(b.N), "WAL-B/op")
				})
			}
		})
	}
}

// walWritten returns how many bytes the server has written to its log so far.
func walWritten(b *testing.B, conn *pgx.Conn) (written float64) {
	b.Helper()
	if err := conn.QueryRow(b.Context(), "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").Scan(&written); err != nil {
		b.Fatal(err)
	}
	return written
}

// benchWrite makes one write, of the n-th todo or a new one of its owner.
type benchWrite struct {
	name  string
	write func(b *testing.B, store *postgres.Store, owner todo.UserID, n int) error
}

func benchWrites() []benchWrite {
	isCompleted := true
	return []benchWrite{
		{"create", func(b *testing.B, store *postgres.Store, owner todo.UserID, _ int) error {
			b.Helper()
			_, err := store.CreateTodo(b.Context(), owner, benchDraft())
			return err
		}},
		{"update", func(b *testing.B, store *postgres.Store, owner todo.UserID, n int) error {
			b.Helper()
			_, err := store.UpdateTodo(b.Context(), owner, benchID(n), todo.Change{IsCompleted: &isCompleted})
			return err
		}},
		{"create by ApplyTodos", func(b *testing.B, store *postgres.Store, owner todo.UserID, _ int) error {
			b.Helper()
			_, err := store.ApplyTodos(b.Context(), owner, todo.ApplyRequest{
				ID: todo.RequestID(uuid.New()), Content: sha256.Sum256(nil), Operations: []todo.Operation{todo.CreateOperation{Draft: benchDraft()}},
			})
			return err
		}},
		{"update by ApplyTodos", func(b *testing.B, store *postgres.Store, owner todo.UserID, n int) error {
			b.Helper()
			_, err := store.ApplyTodos(b.Context(), owner, todo.ApplyRequest{
				ID: todo.RequestID(uuid.New()), Content: sha256.Sum256(nil),
				Operations: []todo.Operation{todo.UpdateOperation{ID: benchID(n), Change: todo.Change{IsCompleted: &isCompleted}}},
			})
			return err
		}},
	}
}

// benchDraft returns a new todo with an id at random.
func benchDraft() todo.Draft {
	id := todo.ID(uuid.New())
	return todo.Draft{ID: &id, Title: benchTitle, Description: benchDescription}
}

// benchID returns the id of the n-th todo, as fillForBench makes it.
func benchID(n int) todo.ID { return todo.ID(md5.Sum(strconv.AppendInt(nil, int64(n), 10))) }
