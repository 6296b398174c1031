//go:build linux

package faults

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestSignals sends those that supervisors, terminals and shells send.
func TestSignals(t *testing.T) {
	r := newRow(t, "signals")
	issuer, database := stack.StartIssuer(t), pgtest.NewDatabase(t)
	client := stack.NewClient(t, false)
	r.Did("SIGTERM and SIGINT twice, SIGHUP with a call in flight, SIGPIPE")

	// While load balancers take note, and so without end.
	delayed := map[string]string{"SHUTDOWN_DELAY": "60"}
	var slowest time.Duration
	for _, signals := range [][2]syscall.Signal{
		{syscall.SIGTERM, syscall.SIGTERM}, {syscall.SIGINT, syscall.SIGINT}, {syscall.SIGTERM, syscall.SIGINT},
	} {
		s := startTodod(t, issuer, database, delayed)
		mark := s.Mark()
		s.Signal(signals[0])
		s.Await(t, mark, "draining")
		began := time.Now()
		s.Signal(signals[1])
		select {
		case <-s.Done():
		case <-time.After(stack.Patience):
			t.Errorf("after %v and %v it goes on", signals[0], signals[1])
		}
		slowest = max(slowest, time.Since(began))
	}
	report.AtMost(r, "ended after a second signal within", slowest, 2*time.Second)

	unclean := 0
	var inFlight load.Answers
	for _, signals := range [][]syscall.Signal{
		{syscall.SIGHUP},
		{syscall.SIGTERM, syscall.SIGHUP}, // As supervisors send them.
	} {
		s := startTodod(t, issuer, database, nil)
		s.Signal(syscall.SIGPIPE)
		s.Create(t, client, "signalled") // It lives.
		unlock := pgtest.LockTable(t, database, "todo")
		called := make(chan stack.Answer, 1)
		go func() { called <- s.List(t, client, "signalled") }()
		pgtest.WaitForLocked(t, database, 1)
		mark := s.Mark()
		for _, signal := range signals {
			s.Signal(signal)
		}
		stack.Eventually(t, "the signal is noticed", func() bool { return s.Ended() || strings.Contains(s.Text(mark), `"draining"`) })
		unlock()
		inFlight = append(inFlight, <-called)
		stack.Eventually(t, "it ends", s.Ended)
		if s.State().ExitCode() != 0 {
			unclean++
		}
	}
	r.None("calls in flight at SIGHUP failed", len(inFlight.Failed()))
	r.None("exit codes other than 0", unclean)
}
