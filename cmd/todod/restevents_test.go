package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const envelopeBytes = 5 // Of a message of a Connect stream: flags, and the length.

// openEnvelope returns the message of a Connect stream's only envelope.
func openEnvelope(body []byte) ([]byte, error) {
	if len(body) < envelopeBytes || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-envelopeBytes {
		return nil, fmt.Errorf("%q is no message in an envelope", body)
	}
	return body[envelopeBytes:], nil
}

func envelope(flags byte, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message))), message...)
}

// endStream returns the message that ends a Connect stream; without an error when failure
// is nil.
func endStream(failure []byte, metadata http.Header) ([]byte, error) {
	end, err := json.Marshal(struct {
		Error    json.RawMessage `json:"error,omitempty"`
		Metadata http.Header     `json:"metadata,omitempty"`
	}{failure, metadata})
	return envelope(2, end), err
}

// streamResponse turns REST's response to a call of a stream into that of Connect.
func streamResponse(res *http.Response) error {
	contentType := res.Header.Get("Content-Type")
	switch {
	case res.StatusCode == http.StatusOK && contentType == "text/event-stream":
		res.Body = &eventsBody{Closer: res.Body, lines: bufio.NewReader(res.Body)}
	case res.StatusCode >= http.StatusBadRequest && contentType == "application/json":
		failure, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return err
		}
		end, err := endStream(failure, res.Header)
		if err != nil {
			return err
		}
		res.StatusCode, res.ContentLength = http.StatusOK, -1
		res.Body = io.NopCloser(bytes.NewReader(end))
	default:
		return fmt.Errorf("a stream answers %d of the type %s", res.StatusCode, contentType)
	}
	res.Header.Set("Content-Type", "application/connect+json")
	return nil
}

// eventsBody turns server-sent events into a Connect stream, event by event.
type eventsBody struct {
	io.Closer
	lines  *bufio.Reader
	unread []byte
	ended  bool
}

func (b *eventsBody) Read(p []byte) (int, error) {
	for len(b.unread) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// next reads an event, or the end.
func (b *eventsBody) next() error {
	event, err := readEvent(b.lines)
	switch {
	case errors.Is(err, io.EOF):
		b.ended = true
		b.unread, err = endStream(nil, nil)
		return err
	case err != nil:
		return err
	case event["event"] == "error":
		b.ended = true
		b.unread, err = endStream([]byte(event["data"]), nil)
		return err
	}
	b.unread = envelope(0, []byte(event["data"]))
	return nil
}

// readEvent returns the fields of the next event. It fails with [io.EOF] at the end of the
// stream, and otherwise when it breaks off within an event.
func readEvent(lines *bufio.Reader) (map[string]string, error) {
	event := make(map[string]string)
	for {
		line, err := lines.ReadString('\n')
		switch {
		case errors.Is(err, io.EOF) && (line != "" || len(event) > 0):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case line == "\n":
			return event, nil
		}
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if _, isThere := event[name]; !ok || isThere {
			return nil, fmt.Errorf("the line %q after %v", line, event)
		}
		event[name] = value
	}
}
