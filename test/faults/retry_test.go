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
	"example.com/todo-backend/test/stack"
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
	proxy := startProxy(t, stack.HostOf(database))
	s := startTodod(t, stack.StartIssuer(t), stack.ThroughHost(database, proxy.Listen), nil)
	s.Create(t, stack.NewClient(t, false), "somebody")

	var (
		mu        sync.Mutex
		retries   int
		unhappy   []stack.Answer
		all, done = sync.WaitGroup{}, make(chan struct{})
	)
	for i := range callers {
		all.Go(func() {
			client := stack.NewClient(t, false)
			for n := range each {
				body := fmt.Sprintf(`{"id":%q,"title":"%s %d"}`, newUUID(), stack.CanaryTitle, n)
				for deadline := time.Now().Add(stack.Patience); ; {
					a := stack.Call(t, client, http.MethodPost, s.URL+"/api/todos", body,
						"Authorization", s.Issuer.Bearer(fmt.Sprint("retry-", i)), "Content-Type", stack.ContentTypeJSON)
					if a.Status == http.StatusOK {
						break
					}
					mu.Lock()
					retries++
					if a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
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
	admin := stack.Session(t, database)
	r.Did("%d creates by %d callers while answers were cut", callers*each, callers)
	report.AtLeast(r, "retries", retries, 10)
	r.None("answers other than 200 and 503", len(unhappy))
	report.Same(r, "rows", stack.Ask[int](t, admin, `SELECT count(*) FROM todo WHERE user_id LIKE 'retry-%'`), callers*each)
	report.Same(r, "different rows", stack.Ask[int](t, admin, `SELECT count(DISTINCT (user_id, title)) FROM todo WHERE user_id LIKE 'retry-%'`), callers*each)
}

// newUUID returns a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
