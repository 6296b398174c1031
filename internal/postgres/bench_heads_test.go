package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkHeads measures the statement of a poll for a thousand accounts, and the time that
// PostgreSQL's backend runs for it, which depends less on what else the machine does.
func BenchmarkHeads(b *testing.B) {
	const polled = 1000
	url := pgtest.NewDatabase(b)
	fillForBench(b, url)
	store := storeForBench(b, url, 1)
	owners := make([]todo.UserID, polled)
	for i := range owners {
		owners[i] = mustOwner(b, benchOwner(i))
	}
	heads := func() {
		if found, err := store.Heads(b.Context(), owners); err != nil || len(found) != polled {
			b.Fatalf("%d heads, %v", len(found), err)
		}
	}
	heads()
	conn := pgtest.Connect(b, url)
	before := backendsCPU(b, conn)
	for b.Loop() {
		heads()
	}
	b.ReportMetric(float64((backendsCPU(b, conn)-before).Microseconds())/float64(b.N), "PostgreSQL-us/op")
}

// backendsCPU returns the CPU time of the backends that have run statements of a store, from
// /proc; 0 where there is none.
func backendsCPU(b *testing.B, conn *pgx.Conn) (sum time.Duration) {
	b.Helper()
	rows, err := conn.Query(b.Context(), `
		SELECT pid::text FROM pg_stat_activity
		WHERE  datname = current_database() AND application_name = $1`, benchApplication)
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(pids) == 0 {
		b.Fatalf("backends %v, %v", pids, err)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return 0
		}
		const user, tick = 11, 10 * time.Millisecond // The field after the program's name, in proc(5)'s USER_HZ.
		_, rest, _ := strings.Cut(string(stat), ") ")
		var utime, stime int64
		if _, err := fmt.Sscan(strings.Join(strings.Fields(rest)[user:user+2], " "), &utime, &stime); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(utime+stime) * tick
	}
	return sum
}

// benchApplication is the application_name of the stores that backendsCPU measures.
const benchApplication = "benchmark"

// storeForBench returns a store whose backends backendsCPU finds.
func storeForBench(b *testing.B, url string, conns int) *postgres.Store {
	b.Helper()
	return storeOn(databasetest.Open(b, pgtest.WithParameter(url, "application_name", benchApplication), conns), 0)
}
