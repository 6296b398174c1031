//go:build scale && linux

package scale

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// TestWhatTheBalancerCosts measures HAProxy's CPU time for a list and for a write, which
// passes it twice, and its memory for a stream on which nothing comes.
func TestWhatTheBalancerCosts(t *testing.T) {
	row := newRow(t, "the balancer's price")
	// Few open streams at once, so that HAProxy needs no more memory meanwhile than for those
	// that are open.
	const users, callers, openers, streams = 100, 16, 4, 1000
	calls := size(10_000, 40_000)
	issuer := stack.StartIssuer(t)
	url := pgtest.NewDatabase(t)
	a, b := startTodod(t, issuer, url, nil), startTodod(t, issuer, url, nil)
	balancer := startBalancer(t, "one-cell.cfg", map[string]string{"TODOD_A": a.Address, "TODOD_B": b.Address})
	balancer.awaitServers(t, "todod", 2)
	client := stack.NewClient(t, false)
	user := func(n int) string { return fmt.Sprint("user", n) }

	var failed atomic.Int64
	cpuOf := func(calls int, method, body string) time.Duration {
		var left atomic.Int64
		left.Store(int64(calls))
		return balancer.CPUFor(t, func() {
			var group sync.WaitGroup
			for n := range callers {
				group.Go(func() {
					for left.Add(-1) >= 0 {
						a := stack.Call(t, client, method, balancer.url+"/api/todos", body, "Authorization", issuer.Bearer(user(n)), "Content-Type", "application/json")
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

	before := balancer.Memory(t, "VmRSS")
	open := func(n int) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, balancer.url+"/api/todos:watch", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", issuer.Bearer(user(n%users)))
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
	for opener := range openers {
		group.Go(func() {
			for n := opener; n < streams; n += openers {
				if err := open(n); err != nil {
					t.Log(err)
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	each := (balancer.Memory(t, "VmRSS") - before) * 1024 / stack.Mebibytes(streams)

	row.Did("%d lists and %d creates by %d callers over HTTP/1.1, then %d streams, each on its own connection", calls, calls/4, callers, streams)
	row.Note("CPU µs for a list", list.Microseconds())
	row.Note("CPU µs for a write", write.Microseconds())
	// A stream holds the buffer of its request to its end, since it might be sent again
	// (retry-on): 32 KiB, tune.bufsize. Half as much is for the rest.
	const bufsize = 32
	report.AtMost(row, "KiB for a stream", float64(each), bufsize+bufsize/2)
	row.None("failed", int(failed.Load()))
}
