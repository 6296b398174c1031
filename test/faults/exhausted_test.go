//go:build linux

package faults

import (
	"net/http"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// statementBound and callBound are how long the service lets a statement and a call take.
	statementBound = 5 * time.Second
	callBound      = 10 * time.Second

	// machineSlack is what a busy machine may add to a time that the service bounds.
	machineSlack = 3 * time.Second
)

// holdUp keeps the service's statements from ending.
type holdUp struct {
	name, done string
	settings   map[string]string
	begin      func(t *testing.T, database string) (end func())
}

func TestDatabaseHeldUp(t *testing.T) {
	for _, h := range []holdUp{
		{
			name:  "a table locked",
			done:  "locked the table",
			begin: func(t *testing.T, database string) func() { return pgtest.LockTable(t, database, "todo") },
		},
		{
			name:  "a 30 s statement",
			done:  "made each write take 30 s",
			begin: func(t *testing.T, database string) func() { return slowWrites(t, database, "30s") },
		},
		{
			name:     "the pool exhausted",
			done:     "locked the table, with a pool of 2",
			settings: map[string]string{"DATABASE_MAX_CONNS": "2"},
			begin:    func(t *testing.T, database string) func() { return pgtest.LockTable(t, database, "todo") },
		},
	} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			h.test(t)
		})
	}
}

func (h holdUp) test(t *testing.T) {
	const rate = 50
	// A call that waited all the time would have no answer but 504.
	heldFor := size(callBound+time.Second, 30*time.Second)
	r := newRow(t, h.name)
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, h.settings)
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(time.Second)
	client := stack.NewClient(t, false)

	mark := s.Mark()
	end := h.begin(t, database)
	from := time.Now()
	var live load.Answers
	for time.Since(from) < heldFor {
		live = append(live, stack.Call(t, client, http.MethodGet, s.URL+"/livez", ""))
		time.Sleep(50 * time.Millisecond) // Between two probes.
	}
	end()
	released := time.Now()
	recovered := l.Recovered(t, released)
	during := l.SoFar().Between(from, released)
	logged := s.Since(t, mark)
	lines, sample := busiest(logged, 5*time.Second)

	r.Did("%s for %v at %d calls/s", h.done, heldFor, rate)
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtLeast(r, "refused", len(during.With(http.StatusServiceUnavailable)), 1)
	report.AtMost(r, "slowest 503", requestsOf(logged, l.Prefix).With(http.StatusServiceUnavailable).Slowest(), callBound)
	r.None("/livez failed", len(live.Failed()))
	report.AtMost(r, "own log lines in 5 s", lines, 2)
	if lines > 2 {
		t.Log(sample)
	}
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	l.Check(r, database)
}
