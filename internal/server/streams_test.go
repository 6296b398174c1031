package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// canary is what no stream may tell: SQL, a host, a Go type.
var errCanary = errors.New(`SELECT title FROM todo: dial tcp db.internal:5432: *pgconn.PgError`)

// tellTale finds a canary, or words of the libraries.
var tellTale = regexp.MustCompile(`(?i)select|db\.internal|pgconn|panic|goroutine|marshal|utf-8|context|http2|stream error|envelope`)

// ending is a way in which a stream's handler ends.
type ending struct {
	name   string
	handle func(ctx context.Context, s *streamService, send func(*todov1.Todo) error) error
	code   connect.Code // 0 for an end without an error.
	text   string
	ended  streamEnd
	level  string
	cause  string

	// isTimed ends the stream by itself, which may be before its messages are sent.
	isTimed bool
	bounds  streamConfig
}

func endings() []ending {
	plain := streamConfig{maxDuration: time.Minute, maxMessages: 1}
	soon := streamConfig{maxDuration: time.Millisecond, maxMessages: 1}
	renewed := streamConfig{maxDuration: time.Millisecond, maxMessages: 1, isRenewed: true}
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	drain := func(ctx context.Context, s *streamService) error {
		s.health.end()
		return wait(ctx)
	}
	fails := func(err error) func(context.Context, *streamService, func(*todov1.Todo) error) error {
		return func(context.Context, *streamService, func(*todov1.Todo) error) error { return err }
	}
	return []ending{
		{"it is done", fails(nil), 0, "", endDone, "INFO", "", false, plain},
		{"a plain error", fails(errCanary), connect.CodeInternal, "internal error", endError, "ERROR", "SELECT", false, plain},
		{"an error with a code of a defect", fails(connect.NewError(connect.CodeUnknown, errCanary)), connect.CodeInternal, "internal error", endError, "ERROR", "SELECT", false, plain},
		{"a domain error", fails(fmt.Errorf("%w: %w", errCanary, errMissing)), connect.CodeNotFound, "not found", endError, "INFO", "", false, plain},
		{"a store that is away", fails(fmt.Errorf("%w: %w", errCanary, errAway)), connect.CodeUnavailable, "away for a moment", endError, "ERROR", "SELECT", false, plain},
		{"a panic", func(context.Context, *streamService, func(*todov1.Todo) error) error {
			panic(errCanary)
		}, connect.CodeInternal, "internal error", endError, "ERROR", "SELECT", false, plain},
		{"a message that can't be encoded", func(_ context.Context, _ *streamService, send func(*todov1.Todo) error) error {
			return send(&todov1.Todo{Title: "\xff"})
		}, connect.CodeInternal, "internal error", endError, "ERROR", "UTF-8", false, plain},
		{"its length", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, wait(ctx))
		}, connect.CodeDeadlineExceeded, "the stream has lasted as long as it may; open another one", endLength, "INFO", "", true, soon},
		{"its length, of which the handler says nothing", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			_ = wait(ctx)
			return nil
		}, connect.CodeDeadlineExceeded, "the stream has lasted as long as it may; open another one", endLength, "INFO", "", true, soon},
		{"its length, when it is opened again", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, wait(ctx))
		}, connect.CodeUnavailable, "the stream has lasted as long as it may; open it again where it ended", endLength, "INFO", "", true, renewed},
		{"the end of the caller's credentials", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			stateOf(ctx).expireStream(time.Now().Add(time.Millisecond))
			return fmt.Errorf("%w: %w", errCanary, wait(ctx))
		}, connect.CodeUnauthenticated, "the access token has expired; open the stream again with a new one", endExpiry, "INFO", "", false, plain},
		{"the drain", func(ctx context.Context, s *streamService, _ func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, drain(ctx, s))
		}, connect.CodeUnavailable, "the service is shutting down; try again", endDrain, "INFO", "", false, plain},
		{"a good end in a library that knows none", func(context.Context, *streamService, func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, errStreamDone)
		}, 0, "", endDrain, "INFO", "", false, plain},
	}
}

// TestWhatEndsAStreamIsRenderedByTheTable ends streams in every way, in every
// protocol, before their first message and after it: the caller gets the words
// of the table and no others, the log one line with the code and the reason.
func TestWhatEndsAStreamIsRenderedByTheTable(t *testing.T) {
	t.Parallel()
	for _, ending := range endings() {
		for _, protocol := range protocols() {
			for _, messages := range []int{0, 1} {
				t.Run(fmt.Sprintf("%s/%s/after %d messages", ending.name, protocol.name, messages), func(t *testing.T) {
					t.Parallel()
					checkEnding(t, ending, protocol, messages)
				})
			}
		}
	}
}

func checkEnding(t *testing.T, ending ending, protocol protocol, messages int) {
	t.Helper()
	s := newStreams(t)
	s.start(t, &ending.bounds, func(ctx context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
		for range messages {
			if err := stream.Send(&todov1.Todo{Title: "t"}); err != nil {
				return err
			}
		}
		return ending.handle(ctx, s, stream.Send)
	}, nil)
	client, wire := protocol.client(t, s.url+serverStreamPath)
	stream, err := client.CallServerStream(t.Context(), connect.NewRequest(&todov1.GetTodoRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	received := 0
	for stream.Receive() {
		received++
	}
	err = stream.Err()
	_ = stream.Close()

	if received != messages && !ending.isTimed { // Its end may be the sooner.
		t.Errorf("%d messages came, want %d", received, messages)
	}
	var failure *connect.Error
	if ending.code == 0 {
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	} else if !errors.As(err, &failure) || failure.Code() != ending.code || failure.Message() != ending.text {
		t.Errorf("it ended with %v, want %v: %s", err, ending.code, ending.text)
	} else if advice := failure.Meta().Get("Retry-After"); (advice != "") != (ending.code == connect.CodeUnavailable) {
		t.Errorf("Retry-After is %q", advice)
	} else if comesBack := ending.code == connect.CodeUnavailable; comesBack != hasRetryInfo(failure) {
		t.Errorf("it has the details %v", failure.Details())
	}
	if found := tellTale.FindString(wire.heard()); found != "" {
		t.Errorf("the answer tells %q: %q", found, wire.heard())
	}
	want := "ok"
	if ending.code != 0 {
		want = ending.code.String()
	}
	line := s.log.next(t)
	if line.Path != serverStreamPath || line.Code != want || line.Ended != string(ending.ended) || line.Level != ending.level {
		t.Errorf("logged as %+v, want the code %s, the end %s at level %s", line, want, ending.ended, ending.level)
	}
	if line.Messages == nil || *line.Messages != received {
		t.Errorf("logged with %v messages, want %d", line.Messages, received)
	}
	if !regexp.MustCompile(ending.cause).MatchString(line.Cause) {
		t.Errorf("the log has the cause %q, want %q in it", line.Cause, ending.cause)
	}
	s.log.checkEmpty(t)
}

// TestStreamsThatBeganAtOnceDontEndAtOnce is about those that are opened again.
func TestStreamsThatBeganAtOnceDontEndAtOnce(t *testing.T) {
	t.Parallel()
	const length, least, most = 15 * time.Minute, 13*time.Minute + 30*time.Second, 16*time.Minute + 30*time.Second
	lengths := make(map[time.Duration]bool)
	for range 100 {
		got, reason := (&streamConfig{maxDuration: length, isRenewed: true}).duration()
		if got < least || got > most || !errors.Is(reason, errStreamRenewal) {
			t.Errorf("it lasts %v and ends with %v", got, reason)
		}
		lengths[got] = true
	}
	if len(lengths) < 90 {
		t.Errorf("100 streams have %d lengths", len(lengths))
	}
	if got, reason := (&streamConfig{maxDuration: length}).duration(); got != length || !errors.Is(reason, errStreamDuration) {
		t.Errorf("any other lasts %v and ends with %v", got, reason)
	}
}

// TestAStreamEndsWithTheCredentialsOfItsCaller opens streams with credentials that
// expire, and has them authenticated as any other.
func TestAStreamEndsWithTheCredentialsOfItsCaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		life time.Duration // Of the credentials; 0 for ever.
		want error
	}{
		"before the stream's length": {3 * time.Second, errExpired},
		"after it":                   {time.Hour, errStreamDuration},
		"never":                      {0, errStreamDuration},
	} {
		synctest.Test(t, func(t *testing.T) {
			gate := &authInterceptor{authenticator: expiring(test.life), limiter: newLimiter(0), errors: newErrorRenderer(testErrors().Lookup)}
			handler := withState(withDeadline(t.Context(), func(*http.Request) *streamConfig { return &streamConfig{maxDuration: time.Minute} },
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					state := stateOf(r.Context())
					state.response.conn = new(clientConn)
					if _, err := gate.intercept(r.Context(), connect.Spec{}, connect.Peer{}, r.Header); err != nil {
						t.Fatal(err)
					}
					start := time.Now()
					<-r.Context().Done()
					if cause := context.Cause(r.Context()); !errors.Is(cause, test.want) {
						t.Errorf("%s: ended with %v after %v, want %v", name, cause, time.Since(start), test.want)
					}
					if lasted := time.Since(start); errors.Is(test.want, errExpired) && lasted != test.life {
						t.Errorf("%s: it lasted %v", name, lasted)
					}
				})))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
		})
	}
}

// expiring authenticates anybody, for a time.
type expiring time.Duration

func (e expiring) Authenticate(context.Context, http.Header) (Caller, error) {
	caller := Caller{User: userName("u")}
	if e > 0 {
		caller.Expires = time.Now().Add(time.Duration(e))
	}
	return caller, nil
}

// TestAStreamThatConnectRefusesHasItsCodeInTheLog: no handler is asked.
func TestAStreamThatConnectRefusesHasItsCodeInTheLog(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/connect+json", "application/grpc", "application/grpc-web+json"} {
		for code, header := range map[string][2]string{
			"unimplemented":    {"Content-Encoding", "br"},
			"invalid_argument": {"Timeout-Ms", "soon"},
		} {
			s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: 1},
				func(context.Context, *todov1.GetTodoRequest, *connect.ServerStream[todov1.Todo]) error {
					t.Error("the handler was asked")
					return nil
				}, nil)
			req := httptest.NewRequest(http.MethodPost, s.url+serverStreamPath, strings.NewReader(envelope(0, 2, "{}"))).WithContext(t.Context())
			req.RequestURI = ""
			req.Header.Set("Content-Type", contentType)
			if strings.Contains(contentType, "connect") {
				req.Header.Set("Connect-"+header[0], header[1])
			} else {
				req.Header.Set(strings.NewReplacer("Content-", "Grpc-", "Timeout-Ms", "Grpc-Timeout").Replace(header[0]), header[1])
			}
			_, wire := protocol{http2: true}.client(t, s.url)
			res, err := wire.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if line := s.log.next(t); line.Code != code || line.Level != "INFO" {
				t.Errorf("%s, %v: logged as %+v, answered %q", contentType, header, line, wire.heard())
			}
		}
	}
}
