//go:build scale && linux

package scale

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestWhatTheBalancerCosts measures HAProxy's CPU time for a call and its memory for a stream
// on which nothing comes.
func TestWhatTheBalancerCosts(t *testing.T) {
	row := newRow(t, "the balancer's price")
	const callers = 100
	calls, streams := size(10_000, 40_000), size(200, 1000)
	issuer := stack.StartIssuer(t)
	url := pgtest.NewDatabase(t)
	a, b := startTodod(t, issuer, url, nil), startTodod(t, issuer, url, nil)
	balancer := startBalancer(t, "one-cell.cfg", map[string]string{"TODOD_A": a.Address, "TODOD_B": b.Address})
	balancer.awaitServers(t, "todod", 2)
	client := stack.NewClient(t, false)
	user := func(n int) string { return fmt.Sprint("user", n) }
	call := func(n int) bool {
		return stack.Call(t, client, http.MethodGet, balancer.url+"/api/todos", "", "Authorization", issuer.Bearer(user(n))).Status == http.StatusOK
	}

	var left, failed atomic.Int64
	left.Store(int64(calls))
	cpu := balancer.CPUFor(t, func() {
		var group sync.WaitGroup
		for n := range callers {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					if !call(n) {
						failed.Add(1)
					}
				}
			})
		}
		group.Wait()
	})

	before := balancer.Memory(t, "VmRSS")
	var group sync.WaitGroup
	for n := range streams {
		group.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, balancer.url+"/api/todos:watch", nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", issuer.Bearer(user(n%callers)))
			res, err := client.Do(req)
			if err != nil {
				failed.Add(1)
				return
			}
			t.Cleanup(func() { _ = res.Body.Close() }) // It is left.
			if _, err := res.Body.Read(make([]byte, 1)); err != nil || res.StatusCode != http.StatusOK {
				failed.Add(1)
			}
		})
	}
	group.Wait()
	each := (balancer.Memory(t, "VmRSS") - before) * 1024 / stack.Mebibytes(streams)

	row.Did("%d lists by %d callers over HTTP/1.1, then %d streams, each on its own connection", calls, callers, streams)
	row.Note("CPU µs for a call", cpu.Microseconds()/int64(calls))
	report.AtMost(row, "KiB for a stream", float64(each), 64)
	row.None("failed", int(failed.Load()))
}
