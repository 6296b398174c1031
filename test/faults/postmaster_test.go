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

func TestPostmasterKilled(t *testing.T) {
	const rate = 100
	kills := size(3, 10)
	r := newRow(t, "postmaster killed and restarted")
	server := pgtest.StartServer(t, nil)
	s := startTodod(t, stack.StartIssuer(t), server.URL(), nil)
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(time.Second)

	var during load.Answers
	var slowest time.Duration
	for range kills {
		from := time.Now()
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // Callers meet it dead.
		server.Restart(t)
		slowest = max(slowest, l.Recovered(t, time.Now()))
		during = append(during, l.Since(from)...)
	}
	r.Did("killed and restarted it %d times at %d calls/s", kills, rate)
	r.Note("answers", during)
	report.AtLeast(r, "refused meanwhile", len(during.With(http.StatusServiceUnavailable)), kills)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtMost(r, "served again within", slowest, load.RecoveryBound)
	l.Check(r, server.URL())
}
