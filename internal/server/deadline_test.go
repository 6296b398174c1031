package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

func TestARequestsContextHasItsDeadlineAndEndsWithIt(t *testing.T) {
	t.Parallel()
	streams := map[string]*streamConfig{"/stream": {maxDuration: 3 * time.Minute}, "/endless": {}}
	for path, timeout := range map[string]time.Duration{"/call": CallTimeout, "/stream": 3 * time.Minute, "/endless": 0} {
		synctest.Test(t, func(t *testing.T) {
			var served *http.Request
			handler := withState(withDeadline(t.Context(), func(r *http.Request) *streamConfig { return streams[r.URL.Path] },
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					served = r
					deadline, ok := r.Context().Deadline()
					if ok != (timeout > 0) || ok && time.Until(deadline) != timeout {
						t.Errorf("%s: the deadline is in %v, want %v", path, time.Until(deadline), timeout)
					}
					if err := r.Context().Err(); err != nil {
						t.Errorf("%s: the context has ended: %v", path, err)
					}
				})))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
			if served.Context().Err() == nil {
				t.Errorf("%s: the context outlives the request", path)
			}
		})
	}
}

// TestADeadlineIsAnErrorWhenItIsOurs looks at the log's level of calls that took
// too long: by the deadline that their caller set, by the call's own, or by that
// of a statement.
func TestADeadlineIsAnErrorWhenItIsOurs(t *testing.T) {
	t.Parallel()
	waits := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("statement: %w", ctx.Err())
	}
	fails := func(context.Context) error { return fmt.Errorf("statement: %w", context.DeadlineExceeded) }
	for name, test := range map[string]struct {
		asked time.Duration // By the caller; 0 for nothing.
		work  func(context.Context) error
		level string
	}{
		"the caller's":                             {50 * time.Millisecond, waits, "INFO"},
		"the caller's, of less than nothing":       {0, waits, "INFO"},
		"a statement's":                            {-1, fails, "ERROR"},
		"a statement's before the caller's":        {time.Second, fails, "ERROR"},
		"the call's":                               {-1, waits, "ERROR"},
		"the call's, of a caller with testTimeout": {time.Hour, waits, "ERROR"},
	} {
		for _, contentType := range []string{"application/json", "application/grpc+json", "application/grpc-web+json"} {
			synctest.Test(t, func(t *testing.T) {
				log := &lineLog{grown: make(chan struct{})}
				errs := newErrorRenderer(testErrors().Lookup)
				refuse, health := newRefuser(errs), newHealth(func(context.Context) error { return nil })
				routes := newRoutes(refuse)
				const path = todov1connect.TodoServiceGetTodoProcedure
				routes.procedure(procedure{name: path, handler: connect.NewUnaryHandlerSimple(path,
					func(ctx context.Context, _ *todov1.GetTodoRequest) (*todov1.Todo, error) { return nil, test.work(ctx) },
					baseOptions(errs, testCodecs()))})
				handler := withMiddleware(Config{Logger: slog.New(slog.NewJSONHandler(log, nil))}, refuse, health, newUnreadResponses(nil), routes)

				body := "{}"
				if contentType != "application/json" {
					body = envelope(0, len(body), body)
				}
				req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
				req.Header.Set("Content-Type", contentType)
				if test.asked >= 0 {
					req.Header.Set("Connect-Timeout-Ms", fmt.Sprint(test.asked.Milliseconds()))
					req.Header.Set("Grpc-Timeout", fmt.Sprint(test.asked.Milliseconds())+"m")
				}
				handler.ServeHTTP(httptest.NewRecorder(), req)
				if line := log.next(t); line.Code != "deadline_exceeded" || line.Level != test.level {
					t.Errorf("%s, %s: logged as %+v, want the level %s", name, contentType, line, test.level)
				}
			})
		}
	}
}

// deadlines is a response writer that keeps the deadlines that it was given.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = at; return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

// slowBody gives a byte at a time, each by the deadline that there is then.
type slowBody struct {
	rest  string
	seen  []time.Duration // The read deadlines, from now; 0 for none.
	conn  *deadlines
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	var left time.Duration
	if !b.conn.read.IsZero() {
		left = time.Until(b.conn.read)
	}
	b.seen = append(b.seen, left)
	if b.rest == "" {
		return 0, io.EOF
	}
	time.Sleep(b.pause)
	p[0], b.rest = b.rest[0], b.rest[1:]
	return 1, nil
}

func (b *slowBody) Close() error { return nil }

// TestEachMessageOfAStreamHasTimeToArrive reads the messages of bodies byte by
// byte, a second each.
func TestEachMessageOfAStreamHasTimeToArrive(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, test := range map[string]struct {
		stream *streamConfig
		want   []time.Duration
	}{
		// As long as nothing of a message is there, nothing has to come, but of
		// the first.
		"many messages": {&streamConfig{maxMessages: 10}, []time.Duration{10 * s, 9 * s, 8 * s, 7 * s, 6 * s, 5 * s, 0, 10 * s, 9 * s, 8 * s, 7 * s, 6 * s, 0}},
		"one message":   {&streamConfig{maxMessages: 1}, []time.Duration{10 * s, 9 * s, 8 * s, 7 * s, 6 * s, 5 * s, 4 * s, 3 * s, 2 * s, 1 * s, -1, -s, -2 * s}},
		"a call":        {nil, []time.Duration{10 * s, 9 * s, 8 * s, 7 * s, 6 * s, 5 * s, 4 * s, 3 * s, 2 * s, 1 * s, -1, -s, -2 * s}},
	} {
		synctest.Test(t, func(t *testing.T) {
			conn := &deadlines{ResponseWriter: httptest.NewRecorder()}
			body := &slowBody{rest: envelope(0, 1, "a") + envelope(0, 1, "b"), conn: conn, pause: s}
			req := httptest.NewRequest(http.MethodPost, "/", body)
			req.Header.Set("Content-Type", "application/grpc")
			handler := withState(withDeadline(t.Context(), func(*http.Request) *streamConfig { return test.stream },
				withBody(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if got, err := io.ReadAll(r.Body); err != nil || len(got) != 12 {
						t.Errorf("%s: read %q, %v", name, got, err)
					}
					if !conn.read.IsZero() {
						t.Errorf("%s: there is a deadline after the body", name)
					}
				}))))
			handler.ServeHTTP(conn, req)
			for i, want := range test.want {
				if got := body.seen[i]; got != want && (want >= 0 || got > 0) {
					t.Errorf("%s: before byte %d the deadline is in %v, want %v", name, i, got, want)
				}
			}
			if left := time.Until(conn.read); test.stream.hasManyMessages() && left != bodyTimeout {
				t.Errorf("%s: net/http has %v to read what is left", name, left)
			}
		})
	}
}

func TestAFunctionThatHasBegunEndsBeforeItsRequestDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, ended := make(chan struct{}), false
		stop := afterFunc(ctx, func() {
			close(begun)
			time.Sleep(time.Second)
			ended = true
		})
		cancel()
		<-begun
		stop()
		if !ended {
			t.Error("stop returned while the function ran")
		}
	})
	stop := afterFunc(t.Context(), func() { t.Error("called, though it was stopped before") })
	stop()
}
