//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// fileOfTodoService is ServerReflectionRequest{file_containing_symbol: "todo.v1.TodoService"}.
const fileOfTodoService = "\x22\x13todo.v1.TodoService"

// TestReflectionAsksOverAndOver has one stream ask for the largest file again
// and again, as anybody can.
func TestReflectionAsksOverAndOver(t *testing.T) {
	const (
		questions = 2500
		streams   = 200
		// priceBound is how many calls that are refused for want of a token a
		// stream may cost. Each of the hundred answers that it gets is written
		// by itself, which makes it some twenty.
		priceBound = 40
		// bytesBound is what a stream may get. The file has 3 KB.
		bytesBound = 1 << 20
	)
	r := newRow(t, "reflection asks over and over")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	refused := refusedCalls(t, s, streams*10) * priceBound / 10
	body := strings.Repeat(envelope(fileOfTodoService), questions)
	sent, most := 0, 0
	from := time.Now()
	cost := s.cpuFor(t, func() {
		// On a connection each: they share no bound.
		for ; sent < streams && time.Since(from) < patience/3; sent++ {
			f := dialHTTP2(t, s.address, readAll)
			if err := f.call(reflectPath, body, true, "content-type", "application/grpc", "te", "trailers"); err != nil {
				t.Fatal(err)
			}
			f.wait(t, "the stream has ended", func() bool {
				h := f.of(f.stream)
				return h.ended || h.reset
			})
			most = max(most, f.of(f.stream).bytes)
			f.close()
		}
	})
	// That of as many as were sent.
	atMostPrice := (refused*time.Duration(sent)/streams + tick).Round(tick)
	r.did("%d streams, one after the other, each with %d questions for the same file in %d KB", sent, questions, len(body)>>10)
	atMost(r, "most bytes of a stream", most, bytesBound)
	atMost(r, fmt.Sprintf("processor time, at the price of %d refused calls each", priceBound), cost, atMostPrice)
}

// refusedCalls makes calls without a token and returns the processor time that
// they cost the service.
func refusedCalls(t *testing.T, s *todod, calls int) time.Duration {
	t.Helper()
	client := newClient(t, true)
	return s.cpuFor(t, func() {
		for range calls {
			if a := call(t, client, http.MethodGet, s.url+"/api/todos", ""); a.status != http.StatusUnauthorized {
				t.Fatal(a)
			}
		}
	})
}

// TestManyReflections opens as many streams as it can on a few connections, and
// keeps each busy.
func TestManyReflections(t *testing.T) {
	const connections, each = 10, 20
	r := newRow(t, "reflection on many streams")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	b := startBystander(t, s)
	body := strings.Repeat(envelope(fileOfTodoService), 100)
	before := s.resetPeak(t)
	answered, opened := 0, 0
	b.through(r, func() {
		for range connections {
			f := dialHTTP2(t, s.address, readAll)
			for range each {
				if f.call(reflectPath, body, false, "content-type", "application/grpc", "te", "trailers") != nil {
					break
				}
				opened++
			}
			eventually(t, "the streams are answered", func() bool { return f.ended() || f.count(heard.answered) == int(f.stream+1)/2 })
			answered += f.count(heard.open)
			time.Sleep(200 * time.Millisecond) // A few seconds in all.
		}
	})
	r.did("%d streams on %d connections, each with 100 questions, kept open", opened, connections)
	r.note("served", answered)
	atMost(r, "memory added", s.peak(t)-before, memoryBound)
}
