//go:build linux

package faults

import (
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// streamsPerConnection is what an HTTP/2 connection may have open at once.
	streamsPerConnection = 100
	// streamsServed is how many streams without a token may be served at once,
	// as docs/security.md says.
	streamsServed = 256
	// streamMemory is what streams without a token may add to the memory, and
	// their connections.
	streamMemory = stack.Mebibytes(64)
)

// TestStreamsWithoutAToken opens far more streams than anybody needs, as
// anybody can, and keeps them.
func TestStreamsWithoutAToken(t *testing.T) {
	r := newRow(t, "streams without a token")
	connections, pause := size(60, 1000), size(100*time.Millisecond, 20*time.Millisecond)
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	b := startBystander(t, s)
	before := s.ResetPeak(t)
	served, refused := 0, 0
	b.through(r, func() {
		framers := make([]*framer, connections)
		for n := range framers {
			framers[n] = dialHTTP2(t, s.Address, readAll)
			openStreams(framers[n], streamsPerConnection)
			time.Sleep(pause) // Or else to connect is what others notice.
		}
		served, refused = 0, 0
		for _, f := range framers {
			stack.Eventually(t, "the streams are served or refused", func() bool { return f.ended() || f.count(heard.answered) == int(f.stream+1)/2 })
			open := f.count(heard.open)
			served, refused = served+open, refused+streamsPerConnection-open
		}
		for _, f := range framers {
			f.close()
		}
	})
	added := s.Peak(t) - before
	f := dialHTTP2(t, s.Address, readAll)
	again := stack.Eventually(t, "others have streams again", func() bool {
		if err := f.grpc(watchPath, true, ""); err != nil {
			t.Fatal(err)
		}
		f.wait(t, "a stream is served or refused", func() bool { return f.of(f.stream).answered() })
		return f.of(f.stream).open()
	})
	r.Did("%d connections opened %d health watches and reflections each, and kept them", connections, streamsPerConnection)
	r.Note("refused", refused)
	report.AtLeast(r, "served", served, 1)
	report.AtMost(r, "at once", served, streamsServed)
	report.AtMost(r, "memory added", added, streamMemory)
	report.AtMost(r, "others have streams again within", again, 5*time.Second)
}

// openStreams opens so many streams without a token, of all that there are, as
// long as the server lets it.
func openStreams(f *framer, streams int) {
	for n := range streams {
		var err error
		if n%2 == 0 {
			err = f.grpc(watchPath, true, "")
		} else {
			err = f.grpc(reflectPath, false, listServices)
		}
		if err != nil {
			return
		}
	}
}
