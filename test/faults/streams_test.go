//go:build linux

package faults

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// handlerBound is how many handlers one connection may keep busy.
	handlerBound = 100
	// abusedPath is that of the calls on streams that no client would make.
	abusedPath = "/api/todos/00000000-0000-4000-8000-000000000000"
	// memoryBound is what abuse may add to the memory of the service.
	memoryBound = mebibytes(32)
)

// framer speaks HTTP/2 as no client would.
type framer struct {
	*http2.Framer
	conn    net.Conn
	headers bytes.Buffer
	encoder *hpack.Encoder
	stream  uint32 // The last that was opened.
	refused int    // Streams; valid once read is closed.
	read    chan struct{}
}

func dialHTTP2(t *testing.T, address string) *framer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // Whatever it says, it is gone.
	f := &framer{conn: conn, Framer: http2.NewFramer(conn, conn), read: make(chan struct{})}
	f.encoder = hpack.NewEncoder(&f.headers)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	go f.drain()
	return f
}

// drain reads what the server says, until the connection ends.
func (f *framer) drain() {
	defer close(f.read)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		if reset, ok := frame.(*http2.RSTStreamFrame); ok && reset.ErrCode == http2.ErrCodeRefusedStream {
			f.refused++
		}
	}
}

// open opens a stream with a call without a body.
func (f *framer) open(bearer string) error {
	f.headers.Reset()
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"},
		{Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: "x"},
		{Name: ":path", Value: abusedPath},
		{Name: "authorization", Value: bearer},
	} {
		if err := f.encoder.WriteField(field); err != nil {
			return err
		}
	}
	if f.stream == 0 {
		f.stream = 1
	} else {
		f.stream += 2
	}
	return f.WriteHeaders(http2.HeadersFrameParam{
		StreamID:      f.stream,
		BlockFragment: f.headers.Bytes(),
		EndStream:     true,
		EndHeaders:    true,
	})
}

func TestStreamResets(t *testing.T) {
	const resets = 100_000
	r := newRow(t, "HTTP/2 resets")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	l := startReads(t, s.url, s.issuer, 50)
	l.during(2 * time.Second)

	mark := s.mark()
	before := s.resetPeak(t)
	sent, connections := 0, 0
	from := time.Now()
	for deadline := from.Add(2 * patience); sent < resets && time.Now().Before(deadline); connections++ {
		f := dialHTTP2(t, s.address)
		for ; sent < resets; sent++ {
			if f.open(s.issuer.bearer("u")) != nil || f.WriteRSTStream(f.stream, http2.ErrCodeCancel) != nil {
				break // The server has had enough.
			}
		}
		_ = f.conn.Close() // Whatever it says, it is gone.
		<-f.read
	}
	during := l.since(from)
	r.did("%d streams opened and reset at once, on %d connections one after the other", sent, connections)
	atLeast(r, "resets", sent, resets)
	r.none("others failed", len(during.failed()))
	atMost(r, "most handlers at once", mostAtOnce(s.since(t, mark)), handlerBound)
	atMost(r, "memory added", s.peak(t)-before, memoryBound)
}

func TestManyStreams(t *testing.T) {
	const streams = 1000
	r := newRow(t, "HTTP/2 streams on one connection")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, startIssuer(t), database, noHeapFloor())
	s.create(t, newClient(t, false), "u")
	unlock := pgtest.LockTable(t, database, "todo")
	mark := s.mark()
	before := s.resetPeak(t)
	f := dialHTTP2(t, s.address)
	sent := 0
	for range streams {
		if f.open(s.issuer.bearer("u")) != nil {
			break
		}
		sent++
	}
	pgtest.WaitForLocked(t, database, 8)
	unlock()
	// What was accepted has its line once it is answered.
	eventually(t, "the accepted streams are answered", func() bool {
		return strings.Count(s.text(mark), `"path":"`+abusedPath+`"`) >= min(sent, handlerBound)
	})
	added := s.peak(t) - before
	_ = f.conn.Close() // Whatever it says, it is gone.
	<-f.read
	r.did("opened %d at once", sent)
	r.note("refused", f.refused)
	atMost(r, "most handlers at once", mostAtOnce(s.since(t, mark)), handlerBound)
	atMost(r, "memory added", added, memoryBound)
}

// mostAtOnce returns the most requests of the abused path that were under way at
// one time.
func mostAtOnce(lines []logLine) int {
	type change struct {
		at   time.Time
		step int
	}
	var changes []change
	for _, line := range lines {
		if line.Message == "request" && line.Path == abusedPath {
			changes = append(changes, change{line.began(), 1}, change{line.Time, -1})
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
