package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// What a watch is told.
const (
	serving        = 1
	notServing     = 2
	serviceUnknown = 3
)

// watchInJSON watches the health of a service by a handler alone, for tests in
// which time does not pass by itself.
type watchInJSON struct {
	told   *toldWriter
	ended  atomic.Bool
	cancel context.CancelFunc
}

// toldWriter is a response writer that can be looked at meanwhile.
type toldWriter struct {
	*httptest.ResponseRecorder
	text lockedBuffer
}

func (w *toldWriter) Write(p []byte) (int, error) { return w.text.Write(p) }

func newWatchedServer(t *testing.T, ping func(context.Context) error) *Server {
	t.Helper()
	return newTodoServer(t, Config{Ping: ping, Logger: slog.New(slog.DiscardHandler)})
}

func newWatchInJSON(t *testing.T, handler http.Handler, service string) *watchInJSON {
	t.Helper()
	message := `{"service":"` + service + `"}`
	ctx, cancel := context.WithCancel(t.Context())
	req := httptest.NewRequest(http.MethodPost, watchPath, strings.NewReader(envelope(0, len(message), message))).WithContext(ctx)
	req.Header.Set("Content-Type", "application/connect+json")
	w := &watchInJSON{told: &toldWriter{ResponseRecorder: httptest.NewRecorder()}, cancel: cancel}
	go func() {
		handler.ServeHTTP(w.told, req)
		w.ended.Store(true)
	}()
	return w
}

// check checks what the watch has been told so far, and whether it has ended,
// which it must have well.
func (w *watchInJSON) check(t *testing.T, when string, ended bool, statuses ...string) {
	t.Helper()
	synctest.Wait()
	var want strings.Builder
	for _, status := range statuses {
		message := `{"status":"SERVING_STATUS_` + status + `"}`
		want.WriteString(envelope(0, len(message), message))
	}
	if ended {
		want.WriteString(envelope(2, 2, "{}"))
	}
	if got := w.told.text.String(); got != want.String() || w.ended.Load() != ended {
		t.Errorf("%s: it was told %q, ended: %v; want %q, %v", when, got, w.ended.Load(), want.String(), ended)
	}
}

func TestAHealthWatchLastsUntilTheDrainAndSeesItAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := newWatchedServer(t, func(context.Context) error { return nil })
		whole := newWatchInJSON(t, handler, "")
		service := newWatchInJSON(t, handler, todov1connect.TodoServiceName)
		unknown := newWatchInJSON(t, handler, "other")
		for _, later := range []time.Duration{0, 24 * time.Hour} {
			time.Sleep(later)
			whole.check(t, "at first", false, "SERVING")
			service.check(t, "at first", false, "SERVING")
			unknown.check(t, "at first", false, "SERVICE_UNKNOWN")
		}
		handler.health.drain() // And no time passes.
		whole.check(t, "draining", false, "SERVING", "NOT_SERVING")
		service.check(t, "draining", false, "SERVING", "NOT_SERVING")
		late := newWatchInJSON(t, handler, "")
		late.check(t, "begun while draining", false, "NOT_SERVING")
		time.Sleep(time.Minute)
		unknown.check(t, "draining", false, "SERVICE_UNKNOWN")
		handler.health.end()
		whole.check(t, "at the end", true, "SERVING", "NOT_SERVING")
		service.check(t, "at the end", true, "SERVING", "NOT_SERVING")
		unknown.check(t, "at the end", true, "SERVICE_UNKNOWN")
		late.check(t, "at the end", true, "NOT_SERVING")
		later := newWatchInJSON(t, handler, "")
		later.check(t, "begun after the end", true, "NOT_SERVING")
	})
}

func TestAHealthWatchIsToldBeforeItEndsHoweverSoonThatIs(t *testing.T) {
	t.Parallel()
	for name, ping := range map[string]func(context.Context) error{
		"the database answers": func(context.Context) error { return nil },
		"the database hangs":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 { // Of two things that come at once either may be seen first.
				synctest.Test(t, func(t *testing.T) {
					handler := newWatchedServer(t, ping)
					watch := newWatchInJSON(t, handler, "")
					told := []string{"SERVING", "NOT_SERVING"}
					synctest.Wait()
					if watch.told.text.String() == "" {
						told = told[1:] // The database has not answered yet.
					}
					handler.health.drain()
					handler.health.end()
					watch.check(t, "at the end", true, told...)
				})
			}
		})
	}
}

func TestAHealthWatchIsAskedAgainAfterTheLastThatItIsTold(t *testing.T) {
	t.Parallel()
	again := 0
	watch := &healthWatch{again: func() { again++ }}
	for i, step := range []struct {
		status      grpchealth.Status
		ended, tell bool
		again       int
	}{
		{serving, false, true, 0},
		{notServing, true, true, 1}, // It ends when it is asked again.
		{notServing, true, false, 1},
	} {
		if tell := watch.tell(step.status, step.ended); tell != step.tell || again != step.again {
			t.Errorf("step %d: tell %v, asked again %d times; want %v, %d", i, tell, again, step.tell, step.again)
		}
	}
}

func TestAHealthWatchHearsOfTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		handler := newWatchedServer(t, func(context.Context) error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		})
		watch := newWatchInJSON(t, handler, "")
		watch.check(t, "at first", false, "SERVING")
		away.Store(true)
		time.Sleep(pingTTL + 2*watchInterval)
		watch.check(t, "without a database", false, "SERVING", "NOT_SERVING")
		away.Store(false)
		time.Sleep(pingTTL + 2*watchInterval)
		watch.check(t, "with it again", false, "SERVING", "NOT_SERVING", "SERVING")
		watch.cancel()
		synctest.Wait()
		if !watch.ended.Load() {
			t.Error("it outlives its caller")
		}
	})
}

// watch opens a health watch.
func (p protocol) watch(t *testing.T, s *wholeService, client *http.Client, service string) (*connect.ServerStreamForClient[wrapperspb.Int32Value], context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	// Of a request and of an answer, only the first field counts, and its kind.
	stream, err := connect.NewClient[wrapperspb.StringValue, wrapperspb.Int32Value](client, s.URL+watchPath, p.options...).
		CallServerStream(ctx, connect.NewRequest(wrapperspb.String(service)))
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = stream.Close()
	})
	return stream, cancel
}

// binaryProtocols are those that watch can speak.
func binaryProtocols() []protocol {
	return []protocol{
		{"Connect over HTTP/1.1", false, nil},
		{"Connect over HTTP/2", true, nil},
		{"gRPC", true, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web over HTTP/1.1", false, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

func TestAHealthWatchIsToldOfTheDrainInEveryProtocol(t *testing.T) {
	t.Parallel()
	for _, protocol := range binaryProtocols() {
		s := startWhole(t)
		known, _ := protocol.watch(t, s, protocol.httpClient(t), "")
		unknown, _ := protocol.watch(t, s, protocol.httpClient(t), "other")
		if !known.Receive() || known.Msg().GetValue() != serving || !unknown.Receive() || unknown.Msg().GetValue() != serviceUnknown {
			t.Fatalf("%s: told %v and %v at first: %v, %v", protocol.name, known.Msg(), unknown.Msg(), known.Err(), unknown.Err())
		}
		s.handler.health.drain()
		s.handler.health.end()
		if !known.Receive() || known.Msg().GetValue() != notServing {
			t.Errorf("%s: told %v in the end: %v", protocol.name, known.Msg(), known.Err())
		}
		if known.Receive() || known.Err() != nil || unknown.Receive() || unknown.Err() != nil && !errors.Is(unknown.Err(), io.EOF) {
			t.Errorf("%s: it ended with %v and %v", protocol.name, known.Err(), unknown.Err())
		}
		for range 2 {
			if line := s.log.next(t); line.Code != "ok" || line.Ended != "drain" || line.Level != "DEBUG" {
				t.Errorf("%s: logged as %+v", protocol.name, line)
			}
		}
	}
}
