package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

// http2Conn is a connection that several gRPC calls share. Whoever drives it
// is one goroutine: it starts calls, and takes answers as they come. The
// messages it sends are far smaller than the window of 64 KiB that every
// connection begins with, so it need not count what it may send.
type http2Conn struct {
	conn     net.Conn
	in       *bufio.Reader
	out      *bufio.Writer
	framer   *http2.Framer
	block    bytes.Buffer
	encoder  *hpack.Encoder
	decoder  *hpack.Decoder
	status   string // The gRPC status and message of the block that was decoded last.
	message  string
	next     uint32
	received uint32 // Since the service was last told to go on.
}

// dialHTTP2 opens a connection with prior knowledge (RFC 9113 section 3.3).
func dialHTTP2(ctx context.Context, addr string) (*http2Conn, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &http2Conn{conn: conn, in: bufio.NewReaderSize(conn, 32<<10), out: bufio.NewWriterSize(conn, 32<<10), next: 1}
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

func (c *http2Conn) greet() error {
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

// start writes a call into the buffer and returns its stream's number.
func (c *http2Conn) start(host, path string, token, message []byte) (stream uint32, err error) {
	stream = c.next
	c.next += 2
	c.block.Reset()
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: host},
		{Name: ":path", Value: path},
		{Name: "content-type", Value: "application/grpc+proto"},
		{Name: "te", Value: "trailers"},
		{Name: "user-agent", Value: "todo-bench"},
	} {
		if err := c.encoder.WriteField(field); err != nil {
			return 0, err
		}
	}
	c.block.Write(token)
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true,
	}); err != nil {
		return 0, err
	}
	return stream, c.framer.WriteData(stream, true, message)
}

// finished returns the number of the stream that ended next, with a
// [RefusedError] unless with success. Before it waits for the service it sends
// what was started.
func (c *http2Conn) finished() (stream uint32, err error) {
	for {
		if c.in.Buffered() == 0 {
			if err := c.out.Flush(); err != nil {
				return 0, err
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		headers, ok := frame.(*http2.HeadersFrame)
		if !ok {
			if err := c.other(frame); err != nil {
				return 0, err
			}
			continue
		}
		if err := c.headers(headers); err != nil {
			return 0, err
		}
		switch {
		case headers.StreamEnded() && c.status != "0":
			return headers.StreamID, &RefusedError{"gRPC status " + c.status + " " + c.message}
		case headers.StreamEnded():
			return headers.StreamID, nil
		}
	}
}

// headers decodes a block of headers or trailers.
func (c *http2Conn) headers(f *http2.HeadersFrame) error {
	if !f.HeadersEnded() {
		return errors.New("load: headers in more than one frame")
	}
	c.status, c.message = "", ""
	if _, err := c.decoder.Write(f.HeaderBlockFragment()); err != nil {
		return err
	}
	return c.decoder.Close()
}

// other answers what keeps a connection going. What messages say is nobody's
// concern here.
func (c *http2Conn) other(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.DataFrame:
		if c.received += f.Length; c.received > connWindow/2 {
			increment := c.received
			c.received = 0
			return c.framer.WriteWindowUpdate(0, increment)
		}
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("load: the connection ends: %v %s", f.ErrCode, f.DebugData())
	case *http2.RSTStreamFrame:
		return fmt.Errorf("load: a stream was reset: %v", f.ErrCode)
	}
	return nil
}

func (c *http2Conn) setDeadline(t time.Time) error { return c.conn.SetDeadline(t) }
