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
}

func endings() []ending {
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
		{"it is done", fails(nil), 0, "", endDone, "INFO", ""},
		{"a plain error", fails(errCanary), connect.CodeInternal, "internal error", endError, "ERROR", "SELECT"},
		{"an error with a code of a defect", fails(connect.NewError(connect.CodeUnknown, errCanary)), connect.CodeInternal, "internal error", endError, "ERROR", "SELECT"},
		{"a domain error", fails(fmt.Errorf("%w: %w", errCanary, errMissing)), connect.CodeNotFound, "not found", endError, "INFO", ""},
		{"a store that is away", fails(fmt.Errorf("%w: %w", errCanary, errAway)), connect.CodeUnavailable, "away for a moment", endError, "ERROR", "SELECT"},
		{"a panic", func(context.Context, *streamService, func(*todov1.Todo) error) error {
			panic(errCanary)
		}, connect.CodeInternal, "internal error", endError, "ERROR", "SELECT"},
		{"a message that can't be encoded", func(_ context.Context, _ *streamService, send func(*todov1.Todo) error) error {
			return send(&todov1.Todo{Title: "\xff"})
		}, connect.CodeInternal, "internal error", endError, "ERROR", "UTF-8"},
		{"its length", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, wait(ctx))
		}, connect.CodeDeadlineExceeded, "the stream has lasted as long as it may; open another one", endLength, "INFO", ""},
		{"its length, of which the handler says nothing", func(ctx context.Context, _ *streamService, _ func(*todov1.Todo) error) error {
			_ = wait(ctx)
			return nil
		}, connect.CodeDeadlineExceeded, "the stream has lasted as long as it may; open another one", endLength, "INFO", ""},
		{"the drain", func(ctx context.Context, s *streamService, _ func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, drain(ctx, s))
		}, connect.CodeUnavailable, "the service is shutting down; try again", endDrain, "INFO", ""},
		{"a good end in a library that knows none", func(context.Context, *streamService, func(*todov1.Todo) error) error {
			return fmt.Errorf("%w: %w", errCanary, errStreamDone)
		}, 0, "", endDrain, "INFO", ""},
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
	registered := &streamConfig{maxDuration: time.Minute, maxMessages: 1}
	if ending.ended == endLength {
		registered.maxDuration = time.Millisecond
	}
	s := newStreams(t)
	s.start(t, registered, func(ctx context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
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

	if received != messages && ending.ended != endLength { // Its end may be the sooner.
		t.Errorf("%d messages came, want %d", received, messages)
	}
	var failure *connect.Error
	if ending.code == 0 {
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	} else if !errors.As(err, &failure) || failure.Code() != ending.code || failure.Message() != ending.text {
		t.Errorf("it ended with %v, want %v: %s", err, ending.code, ending.text)
	} else if advice := failure.Meta().Get("Retry-After"); (advice == "1") != (ending.code == connect.CodeUnavailable) {
		t.Errorf("Retry-After is %q", advice)
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
	if !regexp.MustCompile(ending.cause).MatchString(line.Cause) {
		t.Errorf("the log has the cause %q, want %q in it", line.Cause, ending.cause)
	}
	s.log.checkEmpty(t)
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
