//go:build linux

package faults

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"example.com/todo-backend/test/stack"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framer sends HTTP/2 frames that no client would send. Only one goroutine writes.
type framer struct {
	*http2.Framer
	conn    *net.TCPConn
	headers bytes.Buffer
	encoder *hpack.Encoder
	stream  uint32        // The last that was opened.
	read    chan struct{} // Closed when the connection has ended.

	mu      sync.Mutex
	streams map[uint32]*heard
	goAway  bool // The server ends the connection.
}

// heard has the frames that the server sent on a stream.
type heard struct {
	status  int    // 0 before there was any.
	grpc    string // The gRPC status.
	message string // And its message.
	ended   bool   // By the server, in order.
	reset   bool
	code    http2.ErrCode // Of the reset.
	bytes   int
}

// answered reports whether the stream got a response or a reset.
func (h heard) answered() bool { return h.status > 0 || h.reset }

// open reports whether the stream is served and has not ended.
func (h heard) open() bool { return h.status == 200 && !h.ended && !h.reset }

// refusedStream reports whether the server refused the stream.
func refusedStream(h heard) bool { return h.reset && h.code == http2.ErrCodeRefusedStream }

// readAll has the settings of a peer that reads everything, and readNothing those of one
// that reads no byte of a body.
var (
	readAll     = http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}
	readNothing = http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}
)

// dialHTTP2 connects to a server until the test ends or close is called.
func dialHTTP2(t *testing.T, address string, settings ...http2.Setting) *framer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("no TCP: %T", conn)
	}
	f := &framer{conn: tcp, Framer: http2.NewFramer(conn, conn), read: make(chan struct{}), streams: make(map[uint32]*heard)}
	f.encoder = hpack.NewEncoder(&f.headers)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	// Of the windows, only those of streams are tried out here.
	if err := f.WriteWindowUpdate(0, 1<<30); err != nil {
		t.Fatal(err)
	}
	go f.listen()
	t.Cleanup(f.close)
	return f
}

// close ends the connection.
func (f *framer) close() {
	_ = f.conn.Close() // Whatever it says, it is gone.
	<-f.read
}

// listen reads what the server says, until the connection ends.
func (f *framer) listen() {
	defer close(f.read)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		f.hear(frame)
	}
}

func (f *framer) hear(frame http2.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.streams[frame.Header().StreamID]
	if h == nil { // Of the connection.
		_, ended := frame.(*http2.GoAwayFrame)
		f.goAway = f.goAway || ended
		return
	}
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		if status := frame.PseudoValue("status"); status != "" {
			h.status, _ = strconv.Atoi(status) // It is three digits, or else 0.
		}
		for _, field := range frame.RegularFields() {
			switch field.Name {
			case "grpc-status":
				h.grpc = field.Value
			case "grpc-message":
				h.message = field.Value
			}
		}
		h.ended = h.ended || frame.StreamEnded()
	case *http2.DataFrame:
		h.bytes += len(frame.Data())
		h.ended = h.ended || frame.StreamEnded()
	case *http2.RSTStreamFrame:
		h.reset, h.code = true, frame.ErrCode
	}
}

// count returns how many streams match.
func (f *framer) count(matches func(heard) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, h := range f.streams {
		if matches(*h) {
			n++
		}
	}
	return n
}

// of returns what was heard on a stream.
func (f *framer) of(stream uint32) heard {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *f.streams[stream]
}

// ended reports whether the server is closing the connection, or has closed it.
func (f *framer) ended() bool {
	select {
	case <-f.read:
		return true
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.goAway
}

// wait waits until a condition holds. It fails once the connection has ended.
func (f *framer) wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	stack.Eventually(t, what, func() bool {
		select {
		case <-f.read:
			if !so() {
				t.Fatalf("the server closed the connection before this was so: %s", what)
			}
		default:
		}
		return so()
	})
}

// request opens a stream, with headers in pairs. A body follows unless it is
// the end.
func (f *framer) request(method, path string, end bool, headers ...string) error {
	f.headers.Reset()
	fields := append([]string{":method", method, ":scheme", "http", ":authority", "x", ":path", path}, headers...)
	for i := 0; i < len(fields); i += 2 {
		if err := f.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return err
		}
	}
	if f.stream == 0 {
		f.stream = 1
	} else {
		f.stream += 2
	}
	f.mu.Lock()
	f.streams[f.stream] = new(heard)
	f.mu.Unlock()
	block := f.headers.Bytes()
	first := block[:min(len(block), maxFrame)]
	block = block[len(first):]
	if err := f.WriteHeaders(http2.HeadersFrameParam{
		StreamID: f.stream, BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0,
	}); err != nil {
		return err
	}
	for len(block) > 0 {
		next := block[:min(len(block), maxFrame)]
		block = block[len(next):]
		if err := f.WriteContinuation(f.stream, len(block) == 0, next); err != nil {
			return err
		}
	}
	return nil
}

// maxFrame is the size of a frame that every server takes.
const maxFrame = 16 << 10

// call opens a stream with a body, and says that it is the whole of it if it
// ends there.
func (f *framer) call(path, body string, end bool, headers ...string) error {
	if err := f.request("POST", path, false, headers...); err != nil {
		return err
	}
	for {
		part := body[:min(len(body), maxFrame)]
		body = body[len(part):]
		if err := f.WriteData(f.stream, end && body == "", []byte(part)); err != nil || body == "" {
			return err
		}
	}
}

// grpc opens a stream of a gRPC method with messages.
func (f *framer) grpc(method string, end bool, messages ...string) error {
	var body bytes.Buffer
	for _, message := range messages {
		body.WriteString(envelope(message))
	}
	return f.call(method, body.String(), end, "content-type", "application/grpc", "te", "trailers")
}

// envelope is a message as gRPC, and Connect in its streams, sends it.
func envelope(message string) string {
	n := len(message)
	return string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + message
}
