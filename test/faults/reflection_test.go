//go:build linux

package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
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
		// stream may cost.
		priceBound = 10
		// bytesBound is what a stream may get. The file has 3 KB.
		bytesBound = 1 << 20
	)
	r := newRow(t, "reflection asks over and over")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	body := strings.Repeat(envelope(fileOfTodoService), questions)
	var sent, most int
	r.Try(func(r *report.Row) {
		sent = 0
		refused := refusedCalls(t, s, streams*priceBound, priceBound) // A connection for each stream, too.
		from := time.Now()
		cost := s.CPUFor(t, func() {
			// On a connection each: they share no bound.
			for ; sent < streams && time.Since(from) < stack.Patience/3; sent++ {
				most = max(most, askOverAndOver(t, s, body))
			}
		})
		// That of as many as were sent.
		bound := (refused*time.Duration(sent)/streams + stack.Tick).Round(stack.Tick)
		report.AtMost(r, "processor time, at the price of 10 refused calls each", cost, bound)
	})
	r.Did("%d streams, one after the other, each with %d questions for the same file in %d KB", sent, questions, len(body)>>10)
	report.AtMost(r, "most bytes of a stream", most, bytesBound)
}

// askOverAndOver sends questions on a stream of a connection of its own, and returns
// how many bytes it got.
func askOverAndOver(t *testing.T, s *stack.Todod, questions string) int {
	t.Helper()
	f := dialHTTP2(t, s.Address, readAll)
	defer f.close()
	if err := f.call(reflectPath, questions, true, "content-type", "application/grpc", "te", "trailers"); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "the stream has ended", func() bool {
		h := f.of(f.stream)
		return h.ended || h.reset
	})
	return f.of(f.stream).bytes
}

// refusedCalls makes calls without a token, so many on a connection, and returns the
// processor time that they cost the service.
func refusedCalls(t *testing.T, s *stack.Todod, calls, onConnection int) time.Duration {
	t.Helper()
	client := stack.NewClient(t, true)
	return s.CPUFor(t, func() {
		for i := range calls {
			if i%onConnection == 0 {
				client.CloseIdleConnections()
			}
			if a := stack.Call(t, client, http.MethodGet, s.URL+"/api/todos", ""); a.Status != http.StatusUnauthorized {
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
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	b := startBystander(t, s)
	body := strings.Repeat(envelope(fileOfTodoService), 40)
	before := s.ResetPeak(t)
	answered, opened := 0, 0
	b.through(r, func() {
		for range connections {
			f := dialHTTP2(t, s.Address, readAll)
			for range each {
				if f.call(reflectPath, body, false, "content-type", "application/grpc", "te", "trailers") != nil {
					break
				}
				opened++
			}
			stack.Eventually(t, "the streams are answered", func() bool { return f.ended() || f.count(heard.answered) == int(f.stream+1)/2 })
			answered += f.count(heard.open)
			time.Sleep(200 * time.Millisecond) // A few seconds in all.
		}
	})
	r.Did("%d streams on %d connections, each with 40 questions, kept open", opened, connections)
	r.Note("served", answered)
	report.AtMost(r, "memory added", s.Peak(t)-before, memoryBound)
}
