package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// maxSample bounds what an error shows of an answer.
	maxSample = 300
)

// http1 is a connection that requests, written in advance, go out on one after
// the other. It reads what answers need to be told apart and no more, since
// what it costs is taken from the service's own cores.
type http1 struct {
	conn   net.Conn
	r      *bufio.Reader
	sample []byte // The start of an answer that is not a success.
}

func dialHTTP1(ctx context.Context, addr string) (*http1, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &http1{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
}

// roundTrip sends a request and reads the whole answer. It fails with a
// [RefusedError] when the answer is not a success; the connection is then good
// for the next request.
func (c *http1) roundTrip(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") {
		return fmt.Errorf("load: an answer that begins with %q", line)
	}
	success := line[9] == '2'
	if !success {
		c.sample = append(c.sample[:0], line...)
	}
	length, chunked := 0, false
	for {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if chunked {
		err = c.chunks(success)
	} else {
		err = c.body(length, success)
	}
	if err == nil && !success {
		err = &RefusedError{string(c.sample)}
	}
	return err
}

// RefusedError says what the service answered in place of a success.
type RefusedError struct{ Answer string }

// Error quotes the start of the answer.
func (e *RefusedError) Error() string { return "load: refused: " + e.Answer }

// refused reports whether a call failed without harm to its connection.
func refused(err error) bool {
	_, ok := errors.AsType[*RefusedError](err)
	return ok
}

// chunks reads a body in the chunked coding (RFC 9112 section 7.1).
func (c *http1) chunks(success bool) error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return err
		}
		if err := c.body(int(size), success); err != nil {
			return err
		}
		if line, err = c.line(); err != nil || len(line) > 0 {
			return errors.Join(err, errorWhen(len(line) > 0, "load: a chunk is longer than it says"))
		}
		if size == 0 {
			return nil
		}
	}
}

// body reads so many bytes.
func (c *http1) body(length int, success bool) error {
	if success {
		_, err := c.r.Discard(length)
		return err
	}
	text := make([]byte, length)
	_, err := io.ReadFull(c.r, text)
	c.sample = append(append(c.sample, ' '), text[:min(length, maxSample)]...)
	return err
}

// line reads a line and returns it without its end. It is good until the next
// read.
func (c *http1) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func errorWhen(failed bool, text string) error {
	if failed {
		return errors.New(text)
	}
	return nil
}
