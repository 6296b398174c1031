//go:build linux

package faults

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// belowTheLimit is a rate that RATE_LIMIT_RPS lets pass by default.
	belowTheLimit = 49
	// unreadMemory is what answers that nobody reads may add to the memory.
	unreadMemory = stack.Mebibytes(96)
	// unreadLeft is what of it may be left after a minute.
	unreadLeft = stack.Mebibytes(32)
	// unreadBound is how long a caller may read nothing of an answer.
	unreadBound = 12 * time.Second
)

// TestAnswersNobodyReads asks for the largest answers there are, within the
// rate, and reads none of them.
func TestAnswersNobodyReads(t *testing.T) {
	for _, way := range []struct {
		name string
		// asker returns what asks for a path once, and what tells whether the
		// server has given up all that was asked so far.
		asker func(t *testing.T, s *stack.Todod, path string) (ask func(), givenUp func() bool)
	}{
		{"HTTP/2", unreadHTTP2},
		{"HTTP/1.1", unreadHTTP1},
	} {
		t.Run(way.name, func(t *testing.T) {
			// Only the database does work for what is refused, which is too much
			// for a slow machine at the full rate.
			rate, duration := size(15, belowTheLimit), size(8*time.Second, 15*time.Second)
			r := newRow(t, "answers nobody reads: "+way.name)
			database := pgtest.NewDatabase(t)
			hoard(t, database, "hoarder", 200)
			settings := noHeapFloor()
			settings["RATE_LIMIT_RPS"] = strconv.Itoa(belowTheLimit + 1)
			s := startTodod(t, stack.StartIssuer(t), database, settings)
			b := startBystander(t, s)
			before := s.ResetPeak(t)
			mark := s.Mark()
			asked := 0
			ask, givenUp := way.asker(t, s, "/api/todos?pageSize=200")
			b.through(r, func() {
				atRate(rate, duration, func() {
					asked++
					ask()
				})
			})
			last := time.Now()
			stack.Eventually(t, "the answers are given up", func() bool {
				return givenUp() && len(linesOf(s.Since(t, mark), "hoarder")) == asked
			})
			after := time.Since(last)
			added := s.Peak(t) - before
			left, within := memoryBack(t, s.Process, before+unreadLeft)

			r.Did("lists of 200 todos of 10 KB at %d/s for %v, of which no byte is read", rate, duration)
			r.Note("asked", asked)
			report.AtLeast(r, "refused", len(refusals(linesOf(s.Since(t, mark), "hoarder"))), asked/4)
			report.AtMost(r, "memory added", added, unreadMemory)
			report.AtMost(r, "the last given up within", after, unreadBound+machineSlack)
			r.Note("memory looked at after", report.Rounded(within))
			report.AtMost(r, "memory left", left-before, unreadLeft)
		})
	}
}

// hoard makes a user's todos, as large as they may be.
func hoard(t *testing.T, database, user string, todos int) {
	t.Helper()
	pgtest.Exec(t, database, fmt.Sprintf(`
		INSERT INTO todo (title, description, user_id)
		SELECT repeat('😀', 500), repeat('😀', 2000), '%s'
		FROM   generate_series(1, %d)`, user, todos))
}

// atRate calls f so many times a second.
func atRate(perSecond int, duration time.Duration, f func()) {
	began := time.Now()
	for n := range int(duration.Seconds() * float64(perSecond)) {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))))
		f()
	}
}

// linesOf returns the lines of a user's calls.
func linesOf(lines []stack.LogLine, user string) []stack.LogLine {
	var some []stack.LogLine
	for _, line := range lines {
		if line.Message == "request" && line.UserID == user {
			some = append(some, line)
		}
	}
	return some
}

// refusals returns the lines of calls that were too many.
func refusals(lines []stack.LogLine) []stack.LogLine {
	var some []stack.LogLine
	for _, line := range lines {
		if line.Status == http.StatusTooManyRequests || line.Status == http.StatusServiceUnavailable {
			some = append(some, line)
		}
	}
	return some
}

// memoryBack waits for a minute at most until a process uses no more memory than
// so much, and returns how much it uses.
func memoryBack(t *testing.T, p *stack.Process, bound stack.Mebibytes) (left stack.Mebibytes, within time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		left = p.Memory(t, "VmRSS")
		if left <= bound || time.Since(began) > time.Minute {
			return left, time.Since(began)
		}
		time.Sleep(100 * time.Millisecond) // Between two looks.
	}
}

// unreadHTTP2 asks on streams whose windows are closed, as many on a connection
// as there may be.
func unreadHTTP2(t *testing.T, s *stack.Todod, path string) (ask func(), givenUp func() bool) {
	t.Helper()
	var all []*framer
	ask = func() {
		if len(all) == 0 || all[len(all)-1].stream > 2*(streamsPerConnection-10) {
			all = append(all, dialHTTP2(t, s.Address, readNothing))
		}
		// It fails when the server has closed the connection.
		_ = all[len(all)-1].request(http.MethodGet, path, true, "authorization", s.Issuer.Bearer("hoarder"))
	}
	givenUp = func() bool {
		for _, f := range all {
			if !f.ended() && f.count(func(h heard) bool { return !h.reset && !h.ended }) > 0 {
				return false
			}
		}
		return true
	}
	return ask, givenUp
}

// unreadHTTP1 asks on a connection each.
func unreadHTTP1(t *testing.T, s *stack.Todod, path string) (ask func(), givenUp func() bool) {
	t.Helper()
	dialer := &net.Dialer{Control: roomless}
	ask = func() {
		conn, err := dialer.DialContext(t.Context(), "tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // Whatever it says, it is gone.
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", path, s.Issuer.Bearer("hoarder"))
		if err != nil {
			t.Fatal(err)
		}
	}
	// It can't be seen from here: what the kernel holds comes before the end.
	return ask, func() bool { return true }
}

// roomless has the kernels at both ends of a connection keep little of an
// answer: on loopback, with segments as large as they are, that is megabytes.
func roomless(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10))
	})
	return errors.Join(err, failed)
}

// TestDocumentsNobodyReads asks for the one document that needs no token, on as
// many streams as there may be, and reads nothing.
func TestDocumentsNobodyReads(t *testing.T) {
	const path, connections = "/openapi.yaml", 150
	r := newRow(t, "documents nobody reads")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	b := startBystander(t, s)
	client := stack.NewClient(t, false)
	before := s.ResetPeak(t)
	asked := 0
	var others load.Answers
	b.through(r, func() {
		framers := make([]*framer, connections)
		for n := range framers {
			framers[n] = dialHTTP2(t, s.Address, readNothing)
			for range streamsPerConnection {
				if framers[n].request(http.MethodGet, path, true) != nil {
					break // The server has had enough.
				}
				asked++
			}
			others = append(others, stack.Call(t, client, http.MethodGet, s.URL+path, ""))
			time.Sleep(60 * time.Millisecond) // Or else to connect is what others notice.
		}
		for _, f := range framers {
			f.close()
		}
	})
	r.Did("%s asked for on %d streams of %d connections, of which no byte is read", path, asked, connections)
	r.None("others who ask for it and read it failed", len(others.Failed()))
	report.AtMost(r, "memory added", s.Peak(t)-before, unreadMemory)
}

// TestStreamsNobodyReads opens streams whose messages nobody reads.
func TestStreamsNobodyReads(t *testing.T) {
	const connections, each = 20, 8
	r := newRow(t, "streams nobody reads")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	b := startBystander(t, s)
	questions := make([]string, 40) // As many as one stream may ask.
	for n := range questions {
		questions[n] = fileOfTodoService
	}
	before := s.ResetPeak(t)
	var slowest time.Duration
	b.through(r, func() {
		began := time.Now()
		framers := make([]*framer, connections)
		for n := range framers {
			framers[n] = dialHTTP2(t, s.Address, readNothing)
			for range each {
				if framers[n].grpc(reflectPath, false, questions...) != nil {
					break // The server has had enough.
				}
			}
		}
		for _, f := range framers {
			stack.Eventually(t, "the streams are given up", func() bool {
				return f.ended() || f.count(func(h heard) bool { return !h.reset && !h.ended }) == 0
			})
		}
		slowest = max(slowest, time.Since(began))
	})
	r.Did("%d reflections on %d connections, each with %d questions, of whose answers no byte is read", connections*each, connections, len(questions))
	report.AtMost(r, "given up within", slowest, unreadBound+machineSlack)
	report.AtMost(r, "memory added", s.Peak(t)-before, unreadMemory)
}
