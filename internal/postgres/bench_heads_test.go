package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// BenchmarkHeads measures the statement of a poll for a thousand accounts, and the time that
// PostgreSQL's backend runs for it, which depends less on what else the machine does.
func BenchmarkHeads(b *testing.B) {
	const polled = 1000
	url := pgtest.NewDatabase(b)
	fillForBench(b, url)
	store := storeOn(databasetest.Open(b, url, 1), 0) // So that one backend runs them all.
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
	pid := pgtest.QueryText(b, pgtest.Connect(b, url), `
		SELECT pid::text FROM pg_stat_activity
		WHERE  datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%FROM   todo_account AS account%'`)
	before := cpuTime(b, pid)
	for b.Loop() {
		heads()
	}
	b.ReportMetric(float64((cpuTime(b, pid)-before).Microseconds())/float64(b.N), "PostgreSQL-us/op")
}

// cpuTime returns the CPU time of a process, from /proc; 0 where there is none.
func cpuTime(b *testing.B, pid string) time.Duration {
	b.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	const user, tick = 11, 10 * time.Millisecond // Fields after the program's name, in proc(5)'s USER_HZ.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var utime, stime int64
	if _, err := fmt.Sscan(strings.Join(fields[user:user+2], " "), &utime, &stime); err != nil {
		b.Fatal(err)
	}
	return time.Duration(utime+stime) * tick
}
