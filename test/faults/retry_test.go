//go:build linux

package faults

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
)

// TestRetriedCreates has callers choose their todos' ids and create until they
// are told that it is done, through a network that cuts the answers.
func TestRetriedCreates(t *testing.T) {
	const (
		callers = 10
		each    = 20
	)
	r := newRow(t, "creates retried by id")
	database := pgtest.NewDatabase(t)
	proxy := startProxy(t, hostOf(database))
	s := startTodod(t, startIssuer(t), throughHost(database, proxy.Listen), nil)
	s.create(t, newClient(t, false), "somebody")

	var (
		mu        sync.Mutex
		retries   int
		unhappy   []answer
		all, done = sync.WaitGroup{}, make(chan struct{})
	)
	for i := range callers {
		all.Go(func() {
			client := newClient(t, false)
			for n := range each {
				body := fmt.Sprintf(`{"id":%q,"title":"%s %d"}`, newUUID(), canaryTitle, n)
				for deadline := time.Now().Add(patience); ; {
					a := call(t, client, http.MethodPost, s.url+"/api/todos", body,
						"Authorization", s.issuer.bearer(fmt.Sprint("retry-", i)), "Content-Type", contentTypeJSON)
					if a.status == http.StatusOK {
						break
					}
					mu.Lock()
					retries++
					if (a.status != 503 && a.status != 504) || time.Now().After(deadline) {
						unhappy = append(unhappy, a)
					}
					mu.Unlock()
					if time.Now().After(deadline) {
						return
					}
					time.Sleep(20 * time.Millisecond) // Between two attempts.
				}
			}
		})
	}
	go func() {
		defer close(done)
		all.Wait()
	}()
	for cutting := true; cutting; {
		poison(t, proxy, `{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`)
		time.Sleep(30 * time.Millisecond)
		proxy.Toxics.ResetToxics(t.Context())
		select {
		case <-done:
			cutting = false
		case <-time.After(60 * time.Millisecond):
		}
	}
	admin := session(t, database)
	r.Did("%d creates by %d callers while answers were cut", callers*each, callers)
	report.AtLeast(r, "retries", retries, 10)
	r.None("answers other than 200, 503 and 504", len(unhappy))
	report.Same(r, "rows", ask[int](t, admin, `SELECT count(*) FROM todo WHERE user_id LIKE 'retry-%'`), callers*each)
	report.Same(r, "different rows", ask[int](t, admin, `SELECT count(DISTINCT (user_id, title)) FROM todo WHERE user_id LIKE 'retry-%'`), callers*each)
}

// newUUID returns a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
