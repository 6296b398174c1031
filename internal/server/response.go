package server

import (
	"errors"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
)

const (
	// chunkBytes is the most that is written at once: the size of an HTTP/2 frame,
	// so that chunks cost no additional frames.
	chunkBytes = 16 << 10
	// chunkTimeout is how long a client may take to read a chunk. One that reads
	// 4 KB/s gets every response in full. One that stops reading is disconnected.
	chunkTimeout = 5 * time.Second
	// renewAfter is the age at which a write deadline is renewed for the next
	// chunk. Over HTTP/2 each renewal is a message to the connection's goroutine;
	// most responses need none.
	renewAfter = time.Second
)

// responseWriter writes the response to a request in chunks. Each chunk, and
// each message of a stream, has a write deadline. It also keeps the status for
// the log, and counts unread responses.
type responseWriter struct {
	http.ResponseWriter
	status int

	state  *requestState
	unread *unreadResponses // Set by withResponse.
	conn   *clientConn      // Set by withResponse.
	http2  bool             // Set by withResponse.
	stream bool             // Set by beginStream.

	deadlineSet   time.Time // When the write deadline was set; zero while there is none.
	buffered      bool      // net/http may have bytes in its buffer.
	acquired      bool      // Counted among the connection's unread responses.
	acquiredBytes int64     // Counted among the user's unread bytes.
	aborted       bool
}

// withResponse disconnects clients that read too slowly, and bounds how many
// responses are unread at once.
func withResponse(unread *unreadResponses, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := &stateOf(r.Context()).response
		response.unread = unread
		response.conn = clientConnOf(r.Context())
		response.http2 = r.ProtoMajor > 1
		defer response.release() // After a panic too.
		next.ServeHTTP(w, r)
		response.finish(r)
	})
}

// beginStream is called before the first message, while there is nothing to
// read yet.
func (w *responseWriter) beginStream() {
	w.stream = true
	w.setDeadline(time.Time{})
}

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [io.Writer].
func (w *responseWriter) Write(p []byte) (written int, err error) {
	if w.aborted {
		return 0, http.ErrAbortHandler
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.status >= http.StatusBadRequest {
		if _, err := w.writeChunks(plainJSON(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return w.writeChunks(p)
}

func (w *responseWriter) writeChunks(p []byte) (written int, err error) {
	w.buffered = true
	for {
		w.begin()
		n, err := w.ResponseWriter.Write(p[written:min(written+chunkBytes, len(p))])
		written += n
		if err != nil || written == len(p) {
			return written, w.noteUnread(err)
		}
	}
}

// Flush implements [http.Flusher]. Before anything was written, only gRPC's
// trailers are worth sending: Connect also flushes when its codec panicked, and
// an error response is still to come then.
func (w *responseWriter) Flush() {
	if w.status == 0 && len(w.Header()[grpcStatusTrailer]) == 0 {
		return
	}
	// It fails on a connection that can't be flushed, where Flush is moot, and
	// on one that is gone, as the next Write does.
	_ = w.flush()
	if w.stream {
		// The message was sent. Until the next one there is nothing to read,
		// and a deadline would end the stream.
		w.end()
	}
}

func (w *responseWriter) flush() error {
	if w.aborted {
		return http.ErrAbortHandler
	}
	w.begin()
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.buffered = false
	return w.noteUnread(err)
}

// Unwrap gives [http.ResponseController] the writer below.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// begin is called before each chunk. It counts the response as unread and sets
// the chunk's deadline.
func (w *responseWriter) begin() {
	now := time.Now()
	if !w.deadlineSet.IsZero() && now.Sub(w.deadlineSet) < renewAfter || w.unread == nil {
		return
	}
	w.acquire()
	w.setDeadline(now.Add(chunkTimeout))
	w.deadlineSet = now
}

// acquire counts the response among its connection's unread ones, unless the
// rate limit of a user bounds it. It is called before the first chunk. Calls
// that need no token and may wait for a long time call it before they wait.
func (w *responseWriter) acquire() {
	if w.acquired || w.state.admitted || w.unread == nil {
		return
	}
	if !w.unread.acquireResponse(w.conn) {
		w.abort()
	}
	w.acquired = true
}

// end is called when there is nothing to read for the time being.
func (w *responseWriter) end() {
	w.release()
	if !w.deadlineSet.IsZero() && !w.aborted {
		w.setDeadline(time.Time{})
		w.deadlineSet = time.Time{}
	}
}

func (w *responseWriter) release() {
	if w.acquired {
		w.unread.releaseResponse(w.conn)
		w.acquired = false
	}
	if w.acquiredBytes > 0 {
		w.unread.releaseBytes(w.state.user, w.acquiredBytes)
		w.acquiredBytes = 0
	}
}

// finish is called when the handler has written everything. Over HTTP/2,
// net/http buffers the end of a response and waits for the client to read it
// after the handler has returned, when it would no longer be counted. So it is
// flushed here. The responses of users are few enough by their rate limit.
func (w *responseWriter) finish(r *http.Request) {
	if w.http2 && w.buffered && !w.state.admitted && r.Method != http.MethodHead {
		_ = w.flush() // It fails when the connection does.
	}
	if w.deadlineSet.IsZero() { // Headers or trailers are still to be written.
		w.setDeadline(time.Now().Add(chunkTimeout))
	}
}

// abort ends a request whose response would be one too many: it resets an HTTP/2
// stream and closes an HTTP/1.1 connection.
func (w *responseWriter) abort() {
	w.aborted = true
	w.state.fail(connect.CodeResourceExhausted, errConnUnread)
	panic(http.ErrAbortHandler)
}

func (w *responseWriter) setDeadline(deadline time.Time) {
	// It does not fail on a connection of net/http.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// noteUnread notes for the log that a write failed because the client did not
// read.
func (w *responseWriter) noteUnread(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && w.state.code == 0 {
		w.state.fail(connect.CodeCanceled, errUnread)
	}
	return err
}

// statusCode returns the status that was sent, or will be: net/http sends 200
// unless told otherwise.
func (w *responseWriter) statusCode() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
