package rest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"
)

// errBody rejects a body of a method that takes none.
var errBody = errors.New("this method takes no body; send its fields in the path and the query")

// message returns the body of the Connect call for a request, and its length or -1.
// Path, query and body are parsed only when it is read, so that the handler can
// authenticate the caller first.
func (rt *route) message(r *http.Request, segments []string) (io.ReadCloser, int64) {
	if rt.hasBody && len(rt.variables) == 0 && r.URL.RawQuery == "" && !rt.isConditional(r.Header) {
		return sentBody(r), r.ContentLength
	}
	return &unreadMessage{route: rt, request: r, segments: segments}, -1
}

// sentBody returns the body of a request, which may be empty.
func sentBody(r *http.Request) io.ReadCloser {
	if r.Body == nil {
		return http.NoBody
	}
	return r.Body
}

// unreadMessage is a message that is built when it is read first.
type unreadMessage struct {
	route    *route
	request  *http.Request
	segments []string
	opened   io.Reader // nil until it is read.
}

func (m *unreadMessage) Read(p []byte) (int, error) {
	if m.opened == nil {
		m.opened = m.open()
	}
	return m.opened.Read(p)
}

func (m *unreadMessage) Close() error { return sentBody(m.request).Close() }

// open parses the path and the query.
func (m *unreadMessage) open() io.Reader {
	body := sentBody(m.request)
	members, cause := m.route.members(m.segments, m.request)
	if cause == nil && !m.route.hasBody && m.request.ContentLength > 0 {
		cause = errBody
	}
	switch {
	case cause != nil:
		return failingBody{err: invalidArgument(cause)}
	case !m.route.hasBody:
		object := make([]byte, 0, envelopeBytes+len(members)+len("{}"))
		if m.route.streams {
			object = binary.BigEndian.AppendUint32(append(object, 0), uint32(len(members)+len("{}"))) //nolint:gosec // Headers are small.
		}
		object = append(append(append(object, '{'), members...), '}')
		b := &bodyless{src: body}
		b.object.Reset(object)
		return b
	case len(members) == 0 || m.request.ContentLength == 0:
		return body
	}
	return &mergedBody{src: body, members: members}
}

// invalidArgument returns a Connect error. A Connect handler that gets it while it
// reads a message passes it to the caller unchanged.
func invalidArgument(cause error) error {
	return connect.NewError(connect.CodeInvalidArgument, cause)
}

// failingBody is a message that can't be read.
type failingBody struct{ err error }

func (b failingBody) Read([]byte) (int, error) { return 0, b.err }

// bodyless is the message of a method that takes no body. It is an object with the
// members that come from the path, the headers and the query. For a stream it is in an
// envelope. A request without a Content-Length may have a body all the same: then Read
// fails.
type bodyless struct {
	src     io.Reader
	checked bool
	first   [1]byte // Read by the check.
	err     error   // Of the check.
	object  bytes.Reader
}

func (b *bodyless) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !b.checked {
		b.checked, b.err = true, checkEmpty(b.src, b.first[:])
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.object.Read(p)
}

// checkEmpty fails when there is a byte to read. It reads at most that one,
// into first.
func checkEmpty(r io.Reader, first []byte) error {
	_, err := io.ReadFull(r, first)
	switch {
	case err == nil:
		return invalidArgument(errBody)
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// mergeBuffer is how much of a body is buffered to find its first member.
const mergeBuffer = 512

// mergedBody is a JSON object from a body, with further members at its beginning. It
// parses the body up to the object's first member only, and leaves the rest to the codec.
// A body that isn't an object loses the white space before it, and is passed on.
type mergedBody struct {
	src     io.Reader
	members []byte

	rest *bufio.Reader // src, once it has been opened.
	head []byte        // What goes out before rest.
	err  error         // Of the opening.
}

func (b *mergedBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.rest == nil {
		b.rest = bufio.NewReaderSize(b.src, mergeBuffer)
		b.err = b.open()
	}
	if b.err != nil {
		return 0, b.err
	}
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	return b.rest.Read(p)
}

// open reads up to the first member of the object, if it has one, and fills head.
func (b *mergedBody) open() error {
	first, err := peekToken(b.rest)
	if err != nil || first != '{' {
		return err
	}
	_, _ = b.rest.Discard(1) // Can't fail: the brace is in the buffer.
	next, err := peekToken(b.rest)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	b.head = append(append(b.head, '{'), b.members...)
	// A body that ends here is broken, with or without a comma.
	if err == nil && next != '}' {
		b.head = append(b.head, ',')
	}
	return nil
}

// peekToken skips white space (RFC 8259 section 2) and returns the next byte without
// consuming it.
func peekToken(r *bufio.Reader) (byte, error) {
	for {
		next, err := r.Peek(1)
		if err != nil {
			return 0, err
		}
		switch next[0] {
		case ' ', '\t', '\n', '\r':
			_, _ = r.Discard(1)
		default:
			return next[0], nil
		}
	}
}
