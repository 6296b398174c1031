package server

import (
	"errors"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
)

const (
	// pieceBytes is how much of an answer is written at a time: as much as a
	// frame of HTTP/2 holds, so that pieces cost no further frames.
	pieceBytes = 16 << 10
	// pieceTimeout bounds the time that a reader takes for a piece. Whoever
	// reads 4 KB/s has the answer, however long it is; who stops is let go.
	pieceTimeout = 5 * time.Second
	// renewAfter is the age from which a deadline is set anew for the next
	// piece: over HTTP/2 that is a message to the connection's loop, which
	// most answers then send once.
	renewAfter = time.Second
)

// answerWriter writes a request's answer. It remembers the status, and gives
// each piece, and each message of a stream, a time to be read in.
type answerWriter struct {
	http.ResponseWriter
	status int

	exchange *exchange
	unread   *unreadAnswers // Set by withAnswer.
	http2    bool           // Set by withAnswer.
	stream   bool           // Set by beginStream.
	conn     *clientConn    // Set by begin, when it is needed.

	deadlineSet time.Time // When the present deadline was set; zero while there is none.
	buffered    bool      // Bytes may be in net/http's buffer.
	held        bool      // It counts as its connection's.
	heldBytes   int64     // So many count as its user's.
	aborted     bool
}

// withAnswer bounds how slowly an answer is read, and how many of those that
// no user's rate bounds are unread at once.
func withAnswer(unread *unreadAnswers, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		a := &x.answer
		a.unread = unread
		a.http2 = r.ProtoMajor > 1
		defer a.release() // After a panic too.
		next.ServeHTTP(w, r)
		a.finish(r)
	})
}

// beginStream is called before the first message: there is none to read yet.
func (a *answerWriter) beginStream() {
	a.stream = true
	a.setDeadline(time.Time{})
}

// WriteHeader implements [http.ResponseWriter].
func (a *answerWriter) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.begin()
	a.ResponseWriter.WriteHeader(status)
}

// Write implements [io.Writer], in pieces.
func (a *answerWriter) Write(p []byte) (written int, err error) {
	if a.aborted {
		return 0, http.ErrAbortHandler
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.status >= http.StatusBadRequest {
		if _, err := a.writePieces(plainJSON(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return a.writePieces(p)
}

func (a *answerWriter) writePieces(p []byte) (written int, err error) {
	a.buffered = true
	for {
		a.begin()
		piece := p[written:min(written+pieceBytes, len(p))]
		n, err := a.ResponseWriter.Write(piece)
		written += n
		if err != nil || written == len(p) {
			return written, a.noteUnread(err)
		}
	}
}

// Flush is what Connect asks of a writer before it streams. Before anything was
// written there is nothing to send but gRPC's trailers: Connect flushes also when
// a message of ours makes its codec panic, and that is still to be answered.
func (a *answerWriter) Flush() {
	if a.status == 0 && len(a.Header()[grpcStatusTrailer]) == 0 {
		return
	}
	// It fails on a connection that can't be flushed, where Flush is moot, and
	// on one that is gone, as the next Write does.
	_ = a.flush()
	if a.stream {
		// The message was read. Until the next one there is nothing to read,
		// and a deadline would end the stream.
		a.end()
	}
}

func (a *answerWriter) flush() error {
	if a.aborted {
		return http.ErrAbortHandler
	}
	a.begin()
	err := flushError(a.ResponseWriter)
	a.buffered = false
	return a.noteUnread(err)
}

// Unwrap gives [http.ResponseController] the writer below.
func (a *answerWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin is called before each piece: it has the answer counted, and the piece
// read in time.
func (a *answerWriter) begin() {
	now := time.Now()
	if !a.deadlineSet.IsZero() && now.Sub(a.deadlineSet) < renewAfter || a.unread == nil {
		return
	}
	a.hold()
	a.setDeadline(now.Add(pieceTimeout))
	a.deadlineSet = now
}

// hold has the answer counted as its connection's, unless a user's rate bounds it.
// It is called before the first piece, and earlier for what may wait before it has
// an answer although it needs no token.
func (a *answerWriter) hold() {
	if a.held || a.exchange.admitted || a.unread == nil {
		return
	}
	if a.conn == nil {
		a.conn = clientConnOf(a.exchange)
	}
	if !a.unread.holdAnswer(a.conn) {
		a.abort()
	}
	a.held = true
}

// end is called when nothing is there to be read, for now.
func (a *answerWriter) end() {
	a.release()
	if !a.deadlineSet.IsZero() && !a.aborted {
		a.setDeadline(time.Time{})
		a.deadlineSet = time.Time{}
	}
}

func (a *answerWriter) release() {
	if a.held {
		a.unread.releaseAnswer(a.conn)
		a.held = false
	}
	if a.heldBytes > 0 {
		a.unread.releaseBytes(a.exchange.user, a.heldBytes)
		a.heldBytes = 0
	}
}

// finish is called when all is written. Over HTTP/2, net/http has the end of an
// answer in a buffer and waits for it to be read when the handler has returned,
// where nothing would count it. A user's answers are few enough by their rate.
func (a *answerWriter) finish(r *http.Request) {
	if a.http2 && a.buffered && !a.exchange.admitted && r.Method != http.MethodHead {
		_ = a.flush() // It fails when the connection does.
	}
	if a.deadlineSet.IsZero() { // There are headers or trailers to come.
		a.setDeadline(time.Now().Add(pieceTimeout))
	}
}

// abort ends a request whose answer would be one too many: over HTTP/2 the
// stream is reset, over HTTP/1.1 the connection closed.
func (a *answerWriter) abort() {
	a.aborted = true
	a.exchange.fail(connect.CodeResourceExhausted, errTooManyUnread)
	panic(http.ErrAbortHandler)
}

func (a *answerWriter) setDeadline(deadline time.Time) {
	// Not by an [http.ResponseController], which would be an allocation.
	if conn, ok := a.ResponseWriter.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = conn.SetWriteDeadline(deadline) // It does not fail on a connection that net/http serves.
	}
}

// SetReadDeadline is for [http.ResponseController].
func (a *answerWriter) SetReadDeadline(deadline time.Time) error {
	if conn, ok := a.ResponseWriter.(interface{ SetReadDeadline(time.Time) error }); ok {
		return conn.SetReadDeadline(deadline)
	}
	return http.ErrNotSupported
}

func flushError(w http.ResponseWriter) error {
	switch w := w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case http.Flusher:
		w.Flush()
		return nil
	}
	return http.ErrNotSupported
}

// noteUnread notes for the log when it is the reader's fault that writing
// fails.
func (a *answerWriter) noteUnread(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && a.exchange.code == 0 {
		a.exchange.fail(connect.CodeCanceled, errUnread)
	}
	return err
}

// answered returns the status that went out, or will: net/http sends 200 when
// nothing else was said.
func (a *answerWriter) answered() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
