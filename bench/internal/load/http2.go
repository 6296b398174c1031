package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// streamWindow and connWindow are how much of an answer, and of all
	// answers, the service may send before it is told to go on.
	streamWindow = 1 << 20
	connWindow   = 1 << 30
	maxFrame     = 1 << 20
)

// http2Conn is a connection that gRPC calls share. Any goroutine may start
// calls; one takes answers as they come. T is what is kept of a call until its
// answer. The messages it sends are far smaller than the window of 64 KiB that
// every connection begins with, so it need not count what it may send.
type http2Conn[T any] struct {
	conn   net.Conn
	host   string
	framer *http2.Framer // Reads in one goroutine, and writes with mu held.

	// Of the goroutine that takes answers.
	in       *bufio.Reader
	decoder  *hpack.Decoder
	status   string // The gRPC status and message of the block that was decoded last.
	message  string
	received uint32 // Since the service was last told to go on.

	sending atomic.Int32          // How many goroutines are in send.
	failed  atomic.Pointer[error] // Why no more calls are started.

	mu      sync.Mutex
	out     *bufio.Writer
	block   bytes.Buffer
	encoder *hpack.Encoder
	next    uint32
	calls   map[uint32]T // Under way, by stream.
}

// dialHTTP2 opens a connection with prior knowledge (RFC 9113 section 3.3).
func dialHTTP2[T any](ctx context.Context, addr string) (*http2Conn[T], error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &http2Conn[T]{
		conn: conn, host: addr, in: bufio.NewReaderSize(conn, 32<<10), out: bufio.NewWriterSize(conn, 32<<10),
		next: 1, calls: make(map[uint32]T),
	}
	c.framer = http2.NewFramer(c.out, c.in)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.encoder = hpack.NewEncoder(&c.block)
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		switch f.Name {
		case "grpc-status":
			c.status = f.Value
		case "grpc-message":
			c.message = f.Value
		}
	})
	if err := c.greet(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *http2Conn[T]) greet() error {
	if _, err := io.WriteString(c.out, http2.ClientPreface); err != nil {
		return err
	}
	if err := c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: maxFrame},
	); err != nil {
		return err
	}
	if err := c.framer.WriteWindowUpdate(0, connWindow); err != nil {
		return err
	}
	return c.out.Flush()
}

// tokenField encodes the header that carries a token, as a literal that stays
// out of the compression's table (RFC 7541 section 6.2.3), as clients should
// send it. It is the same on every connection.
func tokenField(token string) []byte {
	var field bytes.Buffer
	// Writing to a buffer does not fail.
	_ = hpack.NewEncoder(&field).WriteField(hpack.HeaderField{Name: "authorization", Value: "Bearer " + token, Sensitive: true})
	return field.Bytes()
}

// start writes a call into the buffer. It is sent before finished waits.
func (c *http2Conn[T]) start(path string, token, message []byte, call T) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(path, token, message, call)
}

// send starts a call and sends it at once. Of several goroutines that are at it
// the last sends all their calls.
func (c *http2Conn[T]) send(path string, token, message []byte, call T) error {
	c.sending.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.write(path, token, message, call)
	if c.sending.Add(-1) == 0 {
		err = errors.Join(err, c.out.Flush())
	}
	return err
}

// write writes a call into the buffer. The caller holds mu.
func (c *http2Conn[T]) write(path string, token, message []byte, call T) error {
	if failed := c.failed.Load(); failed != nil {
		return *failed
	}
	stream := c.next
	c.next += 2
	c.calls[stream] = call
	c.block.Reset()
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: c.host},
		{Name: ":path", Value: path},
		{Name: "content-type", Value: "application/grpc+proto"},
		{Name: "te", Value: "trailers"},
		{Name: "user-agent", Value: "todo-bench"},
	} {
		if err := c.encoder.WriteField(field); err != nil {
			return err
		}
	}
	c.block.Write(token)
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true,
	}); err != nil {
		return err
	}
	return c.framer.WriteData(stream, true, message)
}

// finished returns the call that ended next, with a [RefusedError] unless with
// success; any other error is the connection's. Before it waits for the service
// it sends what was started.
func (c *http2Conn[T]) finished() (call T, err error) {
	for {
		if c.in.Buffered() == 0 {
			if err := c.locked(c.out.Flush); err != nil {
				return call, err
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return call, err
		}
		ended, refusal, err := c.receive(frame)
		if err != nil {
			return call, err
		}
		if !ended {
			continue
		}
		var ok bool
		if call, ok = c.take(frame.Header().StreamID); !ok {
			continue // A stream may be reset after its end.
		}
		if refusal != "" {
			err = &RefusedError{refusal}
		}
		return call, err
	}
}

// take returns the call of a stream that has ended, false when it had ended
// before.
func (c *http2Conn[T]) take(stream uint32) (call T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call, ok = c.calls[stream]
	delete(c.calls, stream)
	return call, ok
}

// receive reports whether a frame ends its stream, and with what in place of a
// success. It answers what keeps a connection going. What messages say is
// nobody's concern here.
func (c *http2Conn[T]) receive(frame http2.Frame) (ended bool, refusal string, err error) {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		err = c.headers(f)
		if ended = f.StreamEnded(); ended && c.status != "0" {
			refusal = "gRPC status " + c.status + " " + c.message
		}
	case *http2.DataFrame:
		ended, refusal = f.StreamEnded(), "an answer without a gRPC status"
		if c.received += f.Length; c.received > connWindow/2 {
			increment := c.received
			c.received = 0
			err = c.locked(func() error { return c.framer.WriteWindowUpdate(0, increment) })
		}
	case *http2.RSTStreamFrame:
		ended, refusal = true, "stream reset: "+f.ErrCode.String()
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = c.locked(c.framer.WriteSettingsAck)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = c.locked(func() error { return c.framer.WritePing(true, f.Data) })
		}
	case *http2.GoAwayFrame:
		err = fmt.Errorf("load: the connection ends: %v %s", f.ErrCode, f.DebugData())
	}
	return ended, refusal, err
}

// headers decodes a block of headers or trailers.
func (c *http2Conn[T]) headers(f *http2.HeadersFrame) error {
	if !f.HeadersEnded() {
		return errors.New("load: headers in more than one frame")
	}
	c.status, c.message = "", ""
	if _, err := c.decoder.Write(f.HeaderBlockFragment()); err != nil {
		return err
	}
	return c.decoder.Close()
}

func (c *http2Conn[T]) locked(write func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return write()
}

// fail closes the connection, and has no more calls started. It returns those
// that were under way, and the first reason that it was called with.
func (c *http2Conn[T]) fail(reason error) (calls map[uint32]T, first error) {
	c.failed.CompareAndSwap(nil, &reason)
	_ = c.conn.Close() // It ends a write, which holds mu.
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, c.calls = c.calls, nil
	return calls, *c.failed.Load()
}

func (c *http2Conn[T]) setDeadline(t time.Time) error { return c.conn.SetDeadline(t) }
