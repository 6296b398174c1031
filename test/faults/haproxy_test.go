//go:build linux

package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// startHAProxy balances calls among services at addresses, by readiness, which it probes
// five times a second (docs/operations.md). It returns two addresses, one that forwards
// over HTTP/1.1 and one over h2c, and a function that waits until HAProxy has found all
// services ready.
func startHAProxy(t *testing.T, addresses ...string) (http1, h2c string, allReady func()) {
	t.Helper()
	second := stack.FreeAddress(t)
	config := []string{
		"global", "maxconn 4000",
		"tune.bufsize 65536", // So that it passes on headers that the service has to refuse.
		"defaults", "mode http", "timeout connect 2s", "timeout client 30s", "timeout server 30s", "timeout check 2s",
		"balance roundrobin", "option httpchk GET /readyz", "default-server check inter 200ms fall 2 rise 1",
		"listen http1", `bind "${BIND}"`,
	}
	for i, address := range addresses {
		config = append(config, fmt.Sprintf("server todod%d %s", i, address))
	}
	config = append(config, "listen h2c", "bind "+second)
	for i, address := range addresses {
		config = append(config, fmt.Sprintf("server todod%d %s proto h2 check-proto h1", i, address))
	}
	b := stack.StartHAProxy(t, stack.HAProxyConfig{Text: strings.Join(config, "\n"), Canaries: &lookout})
	allReady = func() {
		t.Helper()
		b.AwaitServers(t, "http1", len(addresses))
		b.AwaitServers(t, "h2c", len(addresses))
	}
	allReady()
	return b.URL, "http://" + second, allReady
}

func TestRollingRestarts(t *testing.T) {
	const (
		rate   = 200
		rounds = 5
	)
	r := newRow(t, "rolling restarts behind HAProxy")
	database := pgtest.NewDatabase(t)
	issuer := stack.StartIssuer(t)
	addresses := []string{stack.FreeAddress(t), stack.FreeAddress(t)}
	services := make([]*stack.Todod, len(addresses))
	startAt := func(i int) {
		// The delay is for HAProxy to notice, twice as long as it takes.
		services[i] = startTodod(t, issuer, database, map[string]string{"LISTEN_ADDR": addresses[i], "SHUTDOWN_DELAY": "2"})
	}
	for i := range services {
		startAt(i)
	}
	http1, h2c, allReady := startHAProxy(t, addresses...)
	loads := []*load.Load{load.Start(t, http1, issuer, rate/2), load.Start(t, h2c, issuer, rate/2)}

	unclean := 0
	for round := range rounds {
		r.Try(func(r *report.Row) {
			from := time.Now()
			for i := range services {
				if err := services[i].Terminate(t); err != nil {
					unclean++
				}
				startAt(i)
				allReady()
			}
			served(r, fmt.Sprint("calls of round ", round+1), slices.Concat(loads[0].Since(from), loads[1].Since(from)))
		})
	}
	r.Did("restarted both of 2 services %d times, one after the other, at %d calls/s, half of them over h2c", rounds, rate)
	r.None("exit codes other than 0", unclean)
	for i, name := range []string{"HTTP/1.1", "h2c"} {
		all := loads[i].Finish()
		r.Note(name, all)
		r.None("failed otherwise than for lack of time", len(all.Failed().Where(func(a stack.Answer) bool { return !a.IsRejected() })))
	}
	for _, l := range loads {
		l.Check(r, database)
	}
}
