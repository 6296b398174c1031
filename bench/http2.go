package main

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
	dialTimeout = 5 * time.Second
	// streamWindow and connWindow are how much of an answer, and of all
	// answers, the service may send before it is told to go on.
	streamWindow = 1 << 20
	connWindow   = 1 << 30
	maxFrame     = 1 << 20
)

// http2Conn is a connection that gRPC calls share. It reads of answers what tells
// success from failure. The messages it sends are far smaller than the window of
// 64 KiB that every connection begins with, so it need not count what it may send.
type http2Conn struct {
	conn     net.Conn
	host     string
	in       *bufio.Reader
	out      *bufio.Writer
	framer   *http2.Framer
	decoder  *hpack.Decoder
	encoder  *hpack.Encoder
	block    bytes.Buffer // Headers that encoder has written.
	stream   uint32       // Of the next call.
	status   string       // The gRPC status of the headers that were decoded last.
	received uint32       // Since the service was last told to go on.
}

// dialHTTP2 opens a connection with prior knowledge (RFC 9113 section 3.3).
func dialHTTP2(ctx context.Context, addr string) (*http2Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &http2Conn{conn: conn, host: addr, in: bufio.NewReaderSize(conn, 32<<10), out: bufio.NewWriterSize(conn, 32<<10), stream: 1}
	c.framer = http2.NewFramer(c.out, c.in)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.encoder = hpack.NewEncoder(&c.block)
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "grpc-status" {
			c.status = f.Value
		}
	})
	_, err = io.WriteString(c.out, http2.ClientPreface)
	err = errors.Join(err, c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: maxFrame},
	), c.framer.WriteWindowUpdate(0, connWindow), c.out.Flush())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
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

// start writes a call into the buffer, and returns its stream.
func (c *http2Conn) start(path string, token []byte, message string) (uint32, error) {
	stream := c.stream
	c.stream += 2
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
			return 0, err
		}
	}
	c.block.Write(token)
	return stream, errors.Join(
		c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true}),
		c.framer.WriteData(stream, true, []byte(message)))
}

// receive reads a frame. When it ends a stream, it returns that and whether the
// call was answered with success; else 0.
func (c *http2Conn) receive() (stream uint32, success bool, err error) {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return 0, false, err
	}
	ended := false
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		if !f.HeadersEnded() {
			return 0, false, errors.New("headers in more than one frame")
		}
		c.status = ""
		_, err = c.decoder.Write(f.HeaderBlockFragment())
		err = errors.Join(err, c.decoder.Close())
		ended, success = f.StreamEnded(), c.status == "0"
	case *http2.DataFrame:
		ended = f.StreamEnded() // Without a gRPC status.
		if c.received += f.Length; c.received > connWindow/2 {
			err = c.framer.WriteWindowUpdate(0, c.received)
			c.received = 0
		}
	case *http2.RSTStreamFrame:
		ended = true
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = c.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		err = fmt.Errorf("the service ends the connection: %v %s", f.ErrCode, f.DebugData())
	}
	if !ended {
		return 0, false, err
	}
	return frame.Header().StreamID, success, err
}
