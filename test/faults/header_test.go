//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// hugeHeader is the size of a header that no call needs.
const hugeHeader = 20 << 10

// TestOneHugeHeader sends one call with a header that is too large, while other calls are
// in flight on the same connection, as behind a load balancer.
func TestOneHugeHeader(t *testing.T) {
	const others = 20
	r := newRow(t, "one huge header")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "64"}) // None waits for one.
	s.Create(t, stack.NewClient(t, false), "u")
	list := func(f *framer, headers ...string) uint32 {
		t.Helper()
		if err := f.request(http.MethodGet, "/api/todos", true, append(headers, "authorization", s.Issuer.Bearer("u"))...); err != nil {
			t.Fatal(err)
		}
		return f.stream
	}
	many := []string{}
	for range hugeHeader >> 10 {
		many = append(many, "x-many", strings.Repeat("a", 1<<10))
	}
	kinds := [][]string{
		{"x-huge", strings.Repeat("a", hugeHeader)},
		{"x-huge", strings.Repeat("\xff", hugeHeader)}, // It is longer in Huffman's code.
		{strings.Repeat("x", hugeHeader), "a"},
		{"cookie", strings.Repeat("a", hugeHeader)},
		{"authorization", "Bearer " + strings.Repeat("a", hugeHeader)},
		many,
	}
	refused, ended, served := 0, 0, 0
	for _, headers := range kinds {
		f := dialHTTP2(t, s.Address, readAll)
		list(f)
		f.wait(t, "a first call is answered", func() bool { return f.of(1).ended })
		unlock := pgtest.LockTable(t, database, "todo")
		for range others {
			list(f)
		}
		pgtest.WaitForLocked(t, database, 1)
		odd := list(f, headers...)
		_ = f.request(http.MethodGet, "/livez", true) // It fails if the connection has ended.
		stack.Eventually(t, "the call with the header is refused", func() bool { return f.ended() || f.of(odd).answered() })
		unlock()
		stack.Eventually(t, "the others are answered", func() bool {
			return f.ended() || f.count(func(h heard) bool { return h.ended || h.reset }) == int(f.stream+1)/2
		})
		if h := f.of(odd); h.reset || h.status >= 400 && h.status < 500 {
			refused++
		}
		if f.ended() {
			ended++
		}
		served += f.count(func(h heard) bool { return h.status == http.StatusOK && h.ended })
		f.close()
	}
	r.Did("%d kinds of headers of %d KiB, each among %d calls on one connection", len(kinds), hugeHeader>>10, others+2)
	report.Same(r, "refused", refused, len(kinds))
	r.None("connections ended", ended)
	report.Same(r, "others served", served, len(kinds)*(others+2))
}

// TestOneHugeHeaderBehindHAProxy is the same behind a load balancer, which puts
// the calls of many callers on one connection.
func TestOneHugeHeaderBehindHAProxy(t *testing.T) {
	const others, rounds = 20, 5
	r := newRow(t, "one huge header behind HAProxy")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "64"}) // None waits for one.
	_, h2c, _ := startHAProxy(t, s.Address)
	client := stack.NewClient(t, true)
	create := func(user string, headers ...string) stack.Answer {
		return stack.Call(t, client, http.MethodPost, h2c+"/api/todos", `{"title":"`+stack.CanaryTitle+`"}`,
			append(headers, "Content-Type", stack.ContentTypeJSON, "Authorization", s.Issuer.Bearer(user))...)
	}
	admin := stack.Session(t, database)
	refused, served := 0, load.Answers{}
	for range rounds {
		// Reads are served, or HAProxy would find the service unready.
		stack.Execute(t, admin, "BEGIN; LOCK TABLE todo IN SHARE MODE")
		answered := make(chan stack.Answer, others)
		for n := range others {
			go func() { answered <- create(fmt.Sprint("other-", n)) }()
		}
		pgtest.WaitForLocked(t, database, 1)
		odd := make(chan stack.Answer, 1)
		go func() { odd <- create("u", "X-Huge", strings.Repeat("a", hugeHeader)) }()
		select {
		case a := <-odd:
			odd <- a
		case <-time.After(statementBound / 2): // The others must not fail of the lock.
		}
		stack.Execute(t, admin, "COMMIT")
		if a := <-odd; a.Status >= 400 && a.Status < 500 {
			refused++
		} else {
			t.Errorf("the call with the header: %d %s %v", a.Status, a.Body, a.Err)
		}
		for range others {
			served = append(served, <-answered)
		}
	}
	r.Did("a header of %d KiB %d times, each among %d calls", hugeHeader>>10, rounds, others)
	report.Same(r, "refused", refused, rounds)
	r.None("others failed", len(served.Failed()))
}
