//go:build linux

package faults

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestCallerAboveItsRate(t *testing.T) {
	const limit = 50 // Its burst is the least that there is.
	r := newRow(t, "a caller above its rate")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), map[string]string{"RATE_LIMIT_RPS": strconv.Itoa(limit)})
	others := load.StartReads(t, s.URL, s.Issuer, limit/2) // All by one user.
	client := stack.NewClient(t, false)
	var got load.Answers
	for from := time.Now(); time.Since(from) < 3*time.Second; {
		// Whose address it says that it has makes no difference.
		got = append(got, stack.Call(t, client, http.MethodGet, s.URL+"/api/todos?pageSize=1", "",
			"Authorization", s.Issuer.Bearer("greedy"), "X-Forwarded-For", "198.51.100."+strconv.Itoa(len(got)%250)))
	}
	refused := got.With(http.StatusTooManyRequests)
	during := others.Finish()

	r.Did("called %d times in 3 s, with a limit of %d/s", len(got), limit)
	r.None("answers other than 200 and 429", len(got.Without(http.StatusOK, http.StatusTooManyRequests)))
	report.AtLeast(r, "refused", len(refused), 1)
	r.None("of them without Retry-After", len(refused.Where(func(a stack.Answer) bool { return a.Header.Get("Retry-After") == "" })))
	report.AtMost(r, "served", len(got.With(http.StatusOK)), 6*limit) // Three seconds' worth, and what may come at once.
	r.None("others failed", len(during.Failed()))
}

// TestLoadShed has more callers than the pool serves in time: those too many
// are refused, many of them long before they have waited in vain.
func TestLoadShed(t *testing.T) {
	const rate = 200
	r := newRow(t, "more callers than can be served")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "2"})
	slowWrites(t, database, "50ms") // 40 a second.
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(2 * time.Second)
	from := time.Now()
	r.Try(func(r *report.Row) {
		mark := s.Mark()
		report.AtLeast(r, "served", len(l.During(5*time.Second).With(http.StatusOK)), 100)
		refused := requestsOf(s.Since(t, mark), l.Prefix).With(http.StatusServiceUnavailable)
		report.AtLeast(r, "refused", len(refused), 1)
		// The others waited to share a statement, or were taken on and not reached.
		report.AtMost(r, "a third of them within", refused.Quantile(1.0/3), 100*time.Millisecond)
		report.AtMost(r, "all of them within", refused.Slowest(), 2*time.Second+machineSlack)
	})
	all := l.Since(from)
	refused := all.With(http.StatusServiceUnavailable)

	r.Did("%d calls/s, half of them writes, with a pool that does 40 writes/s", rate)
	r.Note("answers", all)
	r.None("answers other than 200 and 503", len(all.Without(http.StatusOK, http.StatusServiceUnavailable)))
	r.None("refused without Retry-After", len(refused.Where(func(a stack.Answer) bool { return a.Header.Get("Retry-After") == "" })))
	l.Check(r, database)
}
