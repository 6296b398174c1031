//go:build linux

package faults

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestIdleBackendsKilled(t *testing.T) {
	const rounds, reads, callers = 5, 200, 20
	r := newRow(t, "idle backends killed")
	database := pgtest.NewDatabase(t)
	// Batches use few connections, so reads might not meet a killed one.
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_BATCHES": "0"})
	client := stack.NewClient(t, false)
	s.Create(t, client, "u")
	admin := stack.Session(t, database)

	r.Try(func(r *report.Row) {
		killed, after := 0, load.Answers{}
		for range rounds {
			// As many at once as the pool has connections, and more.
			readAtOnce(t, s, client, 4*callers, 4*callers)
			killed += stack.Ask[int](t, admin, `
				SELECT count(pg_terminate_backend(pid))
				FROM   pg_stat_activity
				WHERE  datname = current_database() AND pid <> pg_backend_pid()`)
			after = append(after, readAtOnce(t, s, client, reads, callers)...)
		}
		report.AtLeast(r, "killed", killed, 4*rounds)
		served(r, "reads", after)
	})
	r.Did("killed all idle backends %d times, then %d reads by %d callers at once", rounds, reads, callers)
}

// readAtOnce reads so many times, by so many callers at once.
func readAtOnce(t *testing.T, s *stack.Todod, client *http.Client, reads, callers int) load.Answers {
	t.Helper()
	var (
		mu   sync.Mutex
		got  load.Answers
		left atomic.Int64
		all  sync.WaitGroup
	)
	left.Store(int64(reads))
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				a := s.List(t, client, "u")
				mu.Lock()
				got = append(got, a)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return got
}

func TestBackendsKilledDuringWrites(t *testing.T) {
	const kills, callsBetween = 500, 8
	r := newRow(t, "backends killed during writes")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	slowWrites(t, database, "10ms") // So that there is a time to kill them in.
	l := load.Start(t, s.URL, s.Issuer, 200)

	admin := stack.Session(t, database)
	killed := []int32{}
	for deadline := time.Now().Add(5 * stack.Patience); len(killed) < kills && time.Now().Before(deadline); {
		killed = append(killed, stack.Ask[[]int32](t, admin, `
			SELECT coalesce(array_agg(pid) FILTER (WHERE pg_terminate_backend(pid)), '{}')
			FROM  (SELECT pid
			       FROM   pg_stat_activity
			       WHERE  datname = current_database() AND state = 'active' AND pid <> ALL ($1)
			         AND  pid <> pg_backend_pid() AND query LIKE '%INSERT INTO todo_account%'
			       LIMIT  1) writing`, killed)...)
		// Some writes have to succeed, and no backlog may build up.
		answered := l.Answered()
		stack.Eventually(t, "calls are answered after a kill", func() bool { return l.Answered() >= answered+callsBetween })
	}
	during := l.Finish()
	r.Did("killed %d backends in the middle of a write, at 200 calls/s", len(killed))
	report.AtLeast(r, "killed", len(killed), kills)
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(200, 503)))
	l.Check(r, database)
}
