package rest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The envelope before each message of a Connect stream: a byte of flags, and the
// message's length in four.
const (
	envelopeBytes     = 5
	envelopeEndStream = 0x02
)

// errEnvelope means that a Connect handler wrote a message in a form that it was not asked
// for. It is a defect.
var errEnvelope = errors.New("rest: the handler wrote a compressed message, or one after the end")

// eventWriter makes server-sent events of the messages that a Connect handler writes. It
// keeps nothing of a message: all goes to the writer below as it comes, so that the bounds
// of that writer hold.
//
// The response begins with the first message. So an error before it has the status, the
// headers and the body that a unary call would have.
type eventWriter struct {
	http.ResponseWriter
	id string // Of the next message; "" for none. Set by the interceptor.

	began   bool // The headers were sent.
	refused bool // Connect itself wrote a status: the call reached no method.

	prefix   [envelopeBytes]byte
	read     int    // Bytes of the prefix.
	left     int64  // Bytes of the message that are still to come.
	end      []byte // The message that ends the stream.
	ended    bool
	writeErr error // Of an earlier Write; later ones return it too.
}

var _ http.Flusher = (*eventWriter)(nil)

// Unwrap lets [http.ResponseController] find the writer.
func (w *eventWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader is called for refusals only. Connect leaves the 200 of a stream to Write.
func (w *eventWriter) WriteHeader(status int) {
	w.refused = true
	w.ResponseWriter.WriteHeader(status)
}

// Flush sends what was written. While nothing was, the status is still open.
func (w *eventWriter) Flush() {
	if w.began {
		// It fails on a connection that is gone, as the next Write does.
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

// Write takes a part of the handler's stream.
func (w *eventWriter) Write(p []byte) (int, error) {
	if w.refused {
		return w.ResponseWriter.Write(p)
	}
	for rest := p; w.writeErr == nil && len(rest) > 0; {
		var n int
		n, w.writeErr = w.take(rest)
		rest = rest[n:]
	}
	if w.writeErr != nil {
		return 0, w.writeErr
	}
	return len(p), nil
}

// take takes the beginning of p: a part of an envelope, or of a message.
func (w *eventWriter) take(p []byte) (n int, err error) {
	if w.read < envelopeBytes {
		n = copy(w.prefix[w.read:], p)
		if w.read += n; w.read < envelopeBytes {
			return n, nil
		}
		w.left = int64(binary.BigEndian.Uint32(w.prefix[1:]))
		err = w.open()
	} else {
		n = int(min(w.left, int64(len(p))))
		w.left -= int64(n)
		if w.isEnd() {
			w.end = append(w.end, p[:n]...)
		} else {
			err = w.writeLine(p[:n])
		}
	}
	if err == nil && w.left == 0 {
		w.read = 0
		err = w.close()
	}
	return n, err
}

func (w *eventWriter) isEnd() bool { return w.prefix[0] == envelopeEndStream }

// open begins a message.
func (w *eventWriter) open() error {
	switch {
	case w.ended || w.prefix[0]&^envelopeEndStream != 0:
		return errEnvelope
	case w.isEnd():
		return nil
	}
	w.begin()
	head := "data: "
	if w.id != "" && !strings.ContainsAny(w.id, "\r\n\x00") { // No id can have them.
		head = "id: " + w.id + "\ndata: "
	}
	w.id = ""
	return w.write([]byte(head))
}

// close ends a message.
func (w *eventWriter) close() error {
	if w.isEnd() {
		w.ended = true
		return w.finish()
	}
	return w.write([]byte("\n\n"))
}

// begin sends the headers of a stream.
func (w *eventWriter) begin() {
	if w.began {
		return
	}
	w.began = true
	header := w.responseHeader(eventType)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // Or nginx would hold events back.
	w.ResponseWriter.WriteHeader(http.StatusOK)
}

// responseHeader returns the header of the response without what is about the handler's
// stream.
func (w *eventWriter) responseHeader(contentType string) http.Header {
	header := w.Header()
	header.Del("Connect-Accept-Encoding")
	header.Del("Connect-Content-Encoding")
	header.Set("Content-Type", contentType)
	return header
}

// finish handles the message that ends the stream. Its error has the JSON of a unary
// call's error already.
func (w *eventWriter) finish() error {
	var end struct {
		Error    json.RawMessage
		Metadata http.Header
	}
	if err := json.Unmarshal(w.end, &end); err != nil {
		return fmt.Errorf("rest: the end of a stream: %w", err)
	}
	w.end = nil
	switch {
	case len(end.Error) == 0:
		w.begin() // It may have had no message.
		return nil
	case w.began:
		return w.write(slices.Concat([]byte("event: error\ndata: "), end.Error, []byte("\n\n")))
	}
	maps.Copy(w.responseHeader(jsonType), end.Metadata)
	w.ResponseWriter.WriteHeader(statusOf(end.Error))
	return w.write(end.Error)
}

// writeLine writes JSON on one line, since a line break would end the event's line. JSON
// has line breaks between tokens only, where a space means the same.
func (w *eventWriter) writeLine(text []byte) error {
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\n"), []byte(" ")), []byte("\r"), []byte(" "))
	}
	return w.write(text)
}

func (w *eventWriter) write(text []byte) error {
	_, err := w.ResponseWriter.Write(text)
	return err //nolint:wrapcheck // Connect looks for the error's kind.
}
