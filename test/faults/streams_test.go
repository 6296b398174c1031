//go:build linux

package faults

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"golang.org/x/net/http2"
)

const (
	// handlerBound is how many handlers one connection may keep busy.
	handlerBound = 100
	// abusedPath is that of the calls on streams that no client would make.
	abusedPath = "/api/todos/00000000-0000-4000-8000-000000000000"
	// memoryBound is what abuse may add to the memory of the service.
	memoryBound = stack.Mebibytes(32)
)

func TestStreamResets(t *testing.T) {
	const resets = 100_000
	r := newRow(t, "HTTP/2 resets")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	l := load.StartReads(t, s.URL, s.Issuer, 50)
	l.During(2 * time.Second)

	mark := s.Mark()
	before := s.ResetPeak(t)
	sent, connections := 0, 0
	from := time.Now()
	for deadline := from.Add(2 * stack.Patience); sent < resets && time.Now().Before(deadline); connections++ {
		f := dialHTTP2(t, s.Address)
		for ; sent < resets; sent++ {
			if f.request(http.MethodGet, abusedPath, true, "authorization", s.Issuer.Bearer("u")) != nil || f.WriteRSTStream(f.stream, http2.ErrCodeCancel) != nil {
				break // The server has had enough.
			}
		}
		f.close()
	}
	during := l.Since(from)
	r.Did("%d streams opened and reset at once, on %d connections one after the other", sent, connections)
	report.AtLeast(r, "resets", sent, resets)
	r.None("others failed", len(during.Failed()))
	report.AtMost(r, "most handlers at once", mostAtOnce(s.Since(t, mark)), handlerBound)
	report.AtMost(r, "memory added", s.Peak(t)-before, memoryBound)
}

func TestManyStreams(t *testing.T) {
	const streams = 1000
	r := newRow(t, "HTTP/2 streams on one connection")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, noHeapFloor())
	s.Create(t, stack.NewClient(t, false), "u")
	unlock := pgtest.LockTable(t, database, "todo")
	mark := s.Mark()
	before := s.ResetPeak(t)
	f := dialHTTP2(t, s.Address)
	sent := 0
	for range streams {
		if f.request(http.MethodGet, abusedPath, true, "authorization", s.Issuer.Bearer("u")) != nil {
			break
		}
		sent++
	}
	pgtest.WaitForLocked(t, database, 8)
	unlock()
	// What was accepted has its line once it is answered.
	stack.Eventually(t, "the accepted streams are answered", func() bool {
		return strings.Count(s.Text(mark), `"path":"`+abusedPath+`"`) >= min(sent, handlerBound)
	})
	added := s.Peak(t) - before
	f.close()
	r.Did("opened %d at once", sent)
	r.Note("refused", f.count(refusedStream))
	report.AtMost(r, "most handlers at once", mostAtOnce(s.Since(t, mark)), handlerBound)
	report.AtMost(r, "memory added", added, memoryBound)
}

// mostAtOnce returns the most requests of the abused path that were under way at
// one time.
func mostAtOnce(lines []stack.LogLine) int {
	type change struct {
		at   time.Time
		step int
	}
	var changes []change
	for _, line := range lines {
		if line.Message == "request" && line.Path == abusedPath {
			changes = append(changes, change{line.Began(), 1}, change{line.Time, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	most, now := 0, 0
	for _, c := range changes {
		now += c.step
		most = max(most, now)
	}
	return most
}
