//go:build scale && linux

package scale

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// idleStreams are opened to see what one takes.
	idleStreams = 1000
	// streamOpeners open them: few at once, so that HAProxy needs no more memory meanwhile
	// than for those that are open.
	streamOpeners = 4
	// streamUsers have them.
	streamUsers = 100
)

// TestWhatTheBalancerCosts measures HAProxy's CPU time for a list and for a write, which
// passes it twice, and its memory for a stream on which nothing comes: as it is in
// deploy/haproxy, and without what has another process answer in place of one that has died.
func TestWhatTheBalancerCosts(t *testing.T) {
	row := newRow(t, "the balancer's price")
	const callers = 16
	calls := size(10_000, 40_000)
	issuer := stack.StartIssuer(t)
	url := pgtest.NewDatabase(t)
	settings := map[string]string{"WATCHES_PER_USER": "100"} // Those of both balancers.
	a, b := startTodod(t, issuer, url, settings), startTodod(t, issuer, url, settings)
	start := func(config string) *stack.HAProxy {
		balancer := startBalancer(t, config, map[string]string{"TODOD_A": a.Address, "TODOD_B": b.Address})
		balancer.AwaitServers(t, "todod", 2)
		return balancer
	}
	balancer := start(configuration(t, "one-cell.cfg"))
	client := stack.NewClient(t, false)

	var failed atomic.Int64
	cpuOf := func(calls int, method, body string) time.Duration {
		var left atomic.Int64
		left.Store(int64(calls))
		return balancer.CPUFor(t, func() {
			var group sync.WaitGroup
			for n := range callers {
				group.Go(func() {
					for left.Add(-1) >= 0 {
						a := served(func() stack.Answer {
							return stack.Call(t, client, method, balancer.URL+"/api/todos", body, "Authorization", issuer.Bearer(fmt.Sprint("user", n)), "Content-Type", "application/json")
						})
						if a.Status != http.StatusOK {
							t.Log(method, a.Status, a.Err, a.Body)
							failed.Add(1)
						}
					}
				})
			}
			group.Wait()
		}) / time.Duration(calls)
	}
	list := cpuOf(calls, http.MethodGet, "")
	write := cpuOf(calls/4, http.MethodPost, `{"title":"Water the plants on the balcony"}`)
	each := memoryOfStream(t, balancer, client, issuer)
	const retried = "retry-on conn-failure empty-response\n"
	if !strings.Contains(configuration(t, "one-cell.cfg"), retried) {
		t.Fatalf("one-cell.cfg has no %q", retried)
	}
	without := start(strings.ReplaceAll(configuration(t, "one-cell.cfg"), retried, "retry-on conn-failure\n"))

	row.Did("%d lists and %d creates by %d callers over HTTP/1.1, then %d streams, each on its own connection", calls, calls/4, callers, idleStreams)
	row.Note("CPU µs for a list", list.Microseconds())
	row.Note("CPU µs for a write", write.Microseconds())
	// A stream holds the buffer of its request to its end, since it might be sent again
	// (retry-on): 32 KiB, tune.bufsize. Half as much is for the rest.
	const bufsize = 32
	report.AtMost(row, "KiB for a stream", each, bufsize+bufsize/2)
	report.AtMost(row, "without empty-response", memoryOfStream(t, without, client, issuer), bufsize/2)
	row.None("failed", int(failed.Load()))
}

// memoryOfStream opens streams, some of users with todos, and returns the KiB that one takes.
func memoryOfStream(t *testing.T, b *stack.HAProxy, client *http.Client, issuer *stack.Issuer) float64 {
	t.Helper()
	before := b.Memory(t, "VmRSS")
	open := func(n int) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/api/todos:watch", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", issuer.Bearer(fmt.Sprint("user", n%streamUsers)))
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = res.Body.Close() }) // It is left.
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("a stream is answered %d", res.StatusCode)
		}
		_, err = res.Body.Read(make([]byte, 1))
		return err
	}
	var group sync.WaitGroup
	for opener := range streamOpeners {
		group.Go(func() {
			for n := opener; n < idleStreams; n += streamOpeners {
				if err := open(n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	return float64((b.Memory(t, "VmRSS") - before) * 1024 / stack.Mebibytes(idleStreams))
}
