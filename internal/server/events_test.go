package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// getEvents opens the stream over REST. It returns the response, which has to be closed,
// and all that is heard of it.
func (s *streamService) getEvents(ctx context.Context, t *testing.T, http2 bool) (*http.Response, *wire) {
	t.Helper()
	w := &wire{next: protocol{http2: http2}.httpClient(t).Transport}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+eventsPath+"?id=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := w.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return res, w
}

// TestWhatEndsAStreamOfEventsIsRenderedByTheTable ends streams over REST in every way. Before
// the first message the error is the response, after it the last event.
func TestWhatEndsAStreamOfEventsIsRenderedByTheTable(t *testing.T) {
	t.Parallel()
	for _, ending := range endings() {
		for version, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
			for _, messages := range []int{0, 1} {
				t.Run(fmt.Sprintf("%s/%s/after %d messages", ending.name, version, messages), func(t *testing.T) {
					t.Parallel()
					checkEventsEnding(t, ending, http2, messages)
				})
			}
		}
	}
}

func checkEventsEnding(t *testing.T, ending ending, http2 bool, messages int) {
	t.Helper()
	s := newStreams(t)
	s.start(t, &ending.bounds, func(ctx context.Context, req *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
		for range messages {
			if err := stream.Send(&todov1.Todo{Title: req.GetId()}); err != nil {
				return err
			}
		}
		return ending.handle(ctx, s, stream.Send)
	}, nil)
	res, wire := s.getEvents(t.Context(), t, http2)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	failure, began := string(body), res.StatusCode == http.StatusOK
	if began {
		failure = checkEvents(t, res, string(body), messages, ending.code != 0)
	}
	if wantsStream := messages > 0 || ending.code == 0; began != wantsStream && !ending.isTimed { // Its end may be the sooner.
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
	if ending.code != 0 {
		checkFailure(t, ending, failure)
	}
	if !began {
		status := map[connect.Code]int{
			connect.CodeInternal: 500, connect.CodeNotFound: 404, connect.CodeUnavailable: 503, connect.CodeDeadlineExceeded: 504,
			connect.CodeUnauthenticated: 401,
		}[ending.code]
		if res.StatusCode != status || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("status %d of the type %s, want %d", res.StatusCode, res.Header.Get("Content-Type"), status)
		}
		if advice := res.Header.Get("Retry-After"); (advice != "") != (ending.code == connect.CodeUnavailable) {
			t.Errorf("Retry-After is %q", advice)
		}
	}
	if found := tellTale.FindString(wire.heard()); found != "" {
		t.Errorf("the answer tells %q: %q", found, wire.heard())
	}
	line := s.log.next(t)
	if line.Path != eventsPath || line.Protocol != protocolREST || line.Code != codeName(ending.code) || line.Ended != string(ending.ended) || line.Level != ending.level {
		t.Errorf("logged as %+v", line)
	}
	if !regexp.MustCompile(ending.cause).MatchString(line.Cause) {
		t.Errorf("the log has the cause %q, want %q in it", line.Cause, ending.cause)
	}
	s.log.checkEmpty(t)
}

// checkEvents checks a stream that began, and returns the data of the error at its end, if
// it has one.
func checkEvents(t *testing.T, res *http.Response, body string, messages int, hasError bool) (failure string) {
	t.Helper()
	if contentType := res.Header.Get("Content-Type"); contentType != "text/event-stream" {
		t.Errorf("it has the type %s", contentType)
	}
	events := strings.Split(body, "\n\n")
	if last := len(events) - 1; events[last] != "" {
		t.Errorf("the stream breaks off: %q", body)
	}
	events = events[:len(events)-1]
	if hasError && len(events) > 0 {
		last := len(events) - 1
		failure, events = strings.TrimPrefix(events[last], "event: error\ndata: "), events[:last]
	}
	if len(events) != messages || messages > 0 && !strings.HasPrefix(events[0], "data: {") {
		t.Errorf("%d events came, want %d: %q", len(events), messages, body)
	}
	return failure
}

// checkFailure checks the JSON of an error.
func checkFailure(t *testing.T, ending ending, failure string) {
	t.Helper()
	var told struct{ Code, Message string }
	if err := json.Unmarshal([]byte(failure), &told); err != nil || told.Code != ending.code.String() || told.Message != ending.text {
		t.Errorf("the error is %q: %v", failure, err)
	}
}

// TestAStreamOfEventsIsAStreamOfItsMethod looks at what is known by the path before the
// request is served: its length is not that of a call, and it is counted.
func TestAStreamOfEventsIsAStreamOfItsMethod(t *testing.T) {
	t.Parallel()
	for version, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t)
			s.start(t, &streamConfig{maxDuration: time.Hour, maxMessages: 1},
				func(ctx context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
					if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < time.Minute {
						t.Errorf("it may last until %v", deadline)
					}
					if open := s.routes.open[serverStreamPath].Load(); open != 1 {
						t.Errorf("%d streams are open", open)
					}
					if err := stream.Send(&todov1.Todo{}); err != nil {
						return err
					}
					<-ctx.Done()
					return ctx.Err()
				}, nil)
			ctx, leave := context.WithCancel(t.Context())
			res, _ := s.getEvents(ctx, t, http2)
			defer res.Body.Close()
			if _, err := res.Body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			leave()
			if line := s.log.next(t); line.Code != "canceled" || line.Ended != "caller" || line.Level != "INFO" {
				t.Errorf("logged as %+v", line)
			}
			if open := s.routes.open[serverStreamPath].Load(); open != 0 {
				t.Errorf("%d streams are open afterwards", open)
			}
		})
	}
}

// TestAReaderOfEventsThatStopsIsLetGo waits longer than a whole response may take, and then
// stops reading within an event.
func TestAReaderOfEventsThatStopsIsLetGo(t *testing.T) {
	t.Parallel()
	const (
		messages = 3
		pause    = writeTimeout + time.Second
		window   = 2 * chunkBytes // What is read.
	)
	for version, read := range map[string]func(*testing.T, net.Conn) []byte{
		"HTTP/2": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			f := newFrames(t, conn, window)
			data, reset := f.body(f.request("GET", eventsPath, nil))
			if !reset {
				t.Error("the stream is not reset")
			}
			return data
		},
		"HTTP/1.1": func(t *testing.T, conn net.Conn) []byte {
			t.Helper()
			writeText(t, conn, "GET "+eventsPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
			data := make([]byte, window)
			if _, err := io.ReadFull(conn, data); err != nil {
				t.Fatal(err)
			}
			time.Sleep(chunkTimeout + time.Millisecond)
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("the connection is open")
			}
			return data
		},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, unread := newStreams(t), newUnreadResponses(nil)
				connect := servePipes(t, s.handler(t, &streamConfig{maxMessages: 1}, unread,
					func(_ context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
						for range messages {
							time.Sleep(pause)
							if err := stream.Send(&todov1.Todo{}); err != nil {
								return err
							}
						}
						return stream.Send(&todov1.Todo{Title: strings.Repeat("x", longResponse)})
					}, nil))
				conn := connect()
				defer conn.Close()
				began := time.Now()
				data := string(read(t, conn))
				if strings.Count(data, "data: ") != messages+1 || strings.Count(data, "\n\n") != messages {
					t.Errorf("%d bytes: %.500q", len(data), data)
				}
				if took := time.Since(began).Round(time.Second); took != messages*pause+chunkTimeout {
					t.Errorf("it took %v", took)
				}
				synctest.Wait()
				if line := s.log.next(t); line.Code != "canceled" || line.Reason != "unread" || line.Ended != "caller" || line.Level != "INFO" {
					t.Errorf("logged as %+v", line)
				}
				unread.isWhole(t)
			})
		})
	}
}

// TestAStreamOfEventsTakesNoBody sends what would be a message, and what would be none.
func TestAStreamOfEventsTakesNoBody(t *testing.T) {
	t.Parallel()
	s := startStreams(t, &streamConfig{maxMessages: 1}, func(context.Context, *todov1.GetTodoRequest, *connect.ServerStream[todov1.Todo]) error {
		t.Error("the handler was asked")
		return nil
	}, nil)
	for _, body := range []string{envelope(0, 2, "{}"), "\xff\xff\xff\xff\xff"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+eventsPath, io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := protocol{}.httpClient(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "this method takes no body") {
			t.Errorf("%q: %d %s", body, res.StatusCode, text)
		}
	}
}

// TestPagesMayContinueAStream asks as a page of an origin would.
func TestPagesMayContinueAStream(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Logger = slog.New(slog.DiscardHandler)
	r := httptest.NewRequest(http.MethodOptions, "/api/todos:watch", nil)
	r.Header.Set("Origin", cfg.Origins[0])
	r.Header.Set(preflightMethod, http.MethodGet)
	r.Header.Set(preflightHeaders, "authorization,last-event-id")
	w := httptest.NewRecorder()
	newTodoServer(t, cfg).ServeHTTP(w, r)
	if allowed := w.Header().Get("Access-Control-Allow-Headers"); allowed != "authorization,last-event-id" {
		t.Errorf("status %d, %q is allowed", w.Code, allowed)
	}
}
