package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// isWhole fails unless nothing is held any more.
func (u *unreadResponses) isWhole(t *testing.T) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.freeBytes != maxUnreadBytes || len(u.users) != 0 || u.freeResponses != maxUnreadResponses {
		t.Errorf("%d bytes and %d answers are free, and %d users hold some", u.freeBytes, u.freeResponses, len(u.users))
	}
}

func TestAUserHoldsAShareOfTheBytesThatAreFree(t *testing.T) {
	t.Parallel()
	const answer = 256 << 10
	u := newUnreadResponses(nil)
	held := make(map[User]int)
	hold := func(user User) {
		for {
			err := u.acquireBytes(user, answer)
			if errors.Is(err, errUserUnread) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			held[user]++
		}
	}
	alone := userName("alone")
	hold(alone)
	if got := held[alone] * answer; got < 3<<20 || got > 4<<20 {
		t.Errorf("a user alone holds %d bytes", got)
	}
	for i := range 30 {
		hold(userName(fmt.Sprint("user ", i)))
	}
	if u.freeBytes < 4<<20 {
		t.Errorf("31 users leave %d bytes", u.freeBytes)
	}
	large := userName("large")
	if err := u.acquireBytes(large, maxUnreadBytes); err != nil {
		t.Errorf("a user's first answer, of any size: %v", err)
	}
	late := userName("late")
	if err := u.acquireBytes(late, answer); !errors.Is(err, errAllUnread) {
		t.Errorf("when nothing is free: %v", err)
	}
	if err := u.acquireBytes(late, smallResponse); err != nil {
		t.Errorf("a small one then: %v", err)
	}
	if err := u.acquireBytes(late, 1); !errors.Is(err, errAllUnread) {
		t.Errorf("another one then: %v", err)
	}
	u.releaseBytes(late, smallResponse)
	u.releaseBytes(large, maxUnreadBytes)
	for user, answers := range held {
		for range answers {
			u.releaseBytes(user, answer)
		}
	}
	u.isWhole(t)
}

func TestAMessageIsHeldInBuffersOfItsSizeOnTheWire(t *testing.T) {
	t.Parallel()
	const onWire = 1000
	for message, want := range map[any]int64{
		new(todov1.Todo): responseBytes + bytesPerWireByte*onWire,
		"no message":     responseBytes,
	} {
		u := newUnreadResponses(func(proto.Message) int { return onWire })
		if got := u.bufferedBytes(message); got != want {
			t.Errorf("%v: %d bytes, want %d", message, got, want)
		}
	}
	if got := newUnreadResponses(nil).bufferedBytes(&todov1.Todo{Title: "t"}); got != responseBytes+bytesPerWireByte*3 {
		t.Errorf("by the size that protobuf has: %d", got)
	}
}

// testServer serves a handler on a port.
type testServer struct {
	*httptest.Server
	http2    *http.Client
	requests sync.WaitGroup
}

func startServer(t *testing.T, handler http.Handler) *testServer {
	t.Helper()
	s := &testServer{Server: httptest.NewUnstartedServer(nil)}
	s.Config = newTestServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		defer s.requests.Done()
		handler.ServeHTTP(w, r)
	}))
	s.Start()
	t.Cleanup(s.end)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	s.http2 = &http.Client{Transport: transport, Timeout: testTimeout}
	return s
}

// end returns when all requests have ended.
func (s *testServer) end() {
	s.Close()
	s.requests.Wait()
}

func TestAUserWithTooManyUnreadBytesIsToldWhenToTryAgain(t *testing.T) {
	t.Parallel()
	handler := newTodoServer(t, testConfig())
	unread, server := handler.unread, startServer(t, handler)
	list := func(user string, options []connect.ClientOption) error {
		todos := todov1connect.NewTodoServiceClient(server.http2, server.URL, append(options, connect.WithInterceptors(asUser(user)))...)
		_, err := todos.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		return err
	}

	for _, step := range []struct {
		name  string
		user  string
		bytes int64 // Held by the user.
		code  connect.Code
	}{
		{"a user's own", "greedy", maxUnreadBytes / unreadByteShare, connect.CodeResourceExhausted},
		{"everybody's", "huge", maxUnreadBytes, connect.CodeUnavailable},
	} {
		user := userName(step.user)
		if err := unread.acquireBytes(user, step.bytes); err != nil {
			t.Fatal(err)
		}
		for _, protocol := range protocols() {
			name, options := protocol.name, protocol.options
			err := list(step.user, options)
			if connect.CodeOf(err) != step.code {
				t.Errorf("%s, %s: %v", step.name, name, err)
				continue
			}
			refused, _ := errors.AsType[*connect.Error](err)
			if refused.Meta().Get("Retry-After") != retryAfter {
				t.Errorf("%s, %s: Retry-After is %q", step.name, name, refused.Meta().Get("Retry-After"))
			}
			if !hasRetryInfo(refused) {
				t.Errorf("%s, %s: no RetryInfo", step.name, name)
			}
			if err := list("other", options); err != nil {
				t.Errorf("%s, %s: another user gets %v", step.name, name, err)
			}
		}
		status, body := listOverREST(t, server.http2, server.URL, step.user)
		if want := map[connect.Code]int{connect.CodeResourceExhausted: 429, connect.CodeUnavailable: 503}[step.code]; status != want {
			t.Errorf("%s, REST: %d %s", step.name, status, body)
		}
		unread.releaseBytes(user, step.bytes)
		if err := list(step.user, nil); err != nil {
			t.Errorf("%s, once they are read: %v", step.name, err)
		}
	}
	server.end()
	unread.isWhole(t)
}

func asUser(token string) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set("Authorization", "Bearer "+token)
			return next(ctx, req)
		}
	}
}

func hasRetryInfo(err *connect.Error) bool {
	for _, detail := range err.Details() {
		if value, _ := detail.Value(); value != nil {
			if _, ok := value.(*errdetails.RetryInfo); ok {
				return true
			}
		}
	}
	return false
}

func listOverREST(t *testing.T, client *http.Client, url, token string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/todos", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// longTodos has a page of todos whose texts are as long as a page's may be.
type longTodos struct{ cannedTodos }

func (longTodos) ListTodos(context.Context, *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	page := new(todov1.ListTodosResponse)
	for range 200 {
		page.Todos = append(page.Todos, &todov1.Todo{Title: "t", Description: proto.String(strings.Repeat("x", 1300))})
	}
	return page, nil
}

func TestListsThatNobodyReadsHoldABoundedNumberOfBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lists = 90
		unread, errs := newUnreadResponses(nil), newErrorRenderer(testErrors().Lookup)
		_, todos := todov1connect.NewTodoServiceHandler(longTodos{},
			connect.WithRequestGate(func(ctx context.Context, _ connect.Spec, _ connect.Peer, header http.Header) (context.Context, error) {
				state := stateOf(ctx)
				state.user, state.admitted = userName(header.Get("Authorization")), true
				return ctx, nil
			}),
			connect.WithInterceptors(errs, unread))
		log := new(lockedBuffer)
		dial := serveResponses(t, log, unread, todos.ServeHTTP)
		for _, protocol := range []string{"application/json", "application/grpc+json"} {
			conn := dial()
			f := newFrames(t, conn, 0)
			body := []byte("{}")
			if strings.Contains(protocol, "grpc") {
				body = []byte("\x00\x00\x00\x00\x02{}")
			}
			for range lists {
				f.request("POST", todov1connect.TodoServiceListTodosProcedure, body, "content-type", protocol, "authorization", "alice")
			}
			go f.drain()
			synctest.Wait()
			unread.mu.Lock()
			held, users := maxUnreadBytes-unread.freeBytes, len(unread.users)
			unread.mu.Unlock()
			if held < 2<<20 || held > 4<<20 || users != 1 {
				t.Errorf("%s: %d users hold %d bytes", protocol, users, held)
			}
			_ = conn.Close()
			synctest.Wait()
			lines := log.take()
			refused := strings.Count(lines, `"code":"resource_exhausted"`)
			if got := strings.Count(lines, "\n"); got != lists || refused < lists-10 || refused == lists {
				t.Errorf("%s: %d lines, %d lists were refused", protocol, got, refused)
			}
			unread.isWhole(t)
		}
	})
}

func TestAConnectionHoldsAShareOfTheAnswersThatAreFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const connections, streams = 20, 100
		unread := newUnreadResponses(nil)
		log := new(lockedBuffer)
		dial := serveResponses(t, log, unread, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "who?") // So little that net/http buffers it.
		})
		var all []*frames
		var drained sync.WaitGroup
		for range connections {
			f := newFrames(t, dial(), 0)
			all = append(all, f)
			for range streams {
				f.request("GET", "/", nil)
			}
			drained.Go(f.drain)
		}
		synctest.Wait()
		unread.mu.Lock()
		held := maxUnreadResponses - unread.freeResponses
		unread.mu.Unlock()
		refused := strings.Count(log.take(), `"reason":"too_many_unread"`)
		if held < connections || held >= maxUnreadResponses || int(held)+refused != connections*streams {
			t.Errorf("%d answers are held, and %d were refused", held, refused)
		}

		// Others are served, and so is whoever reads at last.
		other := newFrames(t, dial(), 1<<16)
		if body, reset := other.body(other.request("GET", "/", nil)); string(body) != "who?" || reset {
			t.Errorf("another connection gets %q, reset %v", body, reset)
		}
		all[0].open(1, 1<<10)
		synctest.Wait()
		if lines := log.take(); strings.Count(lines, `"status":401`) != 2 || strings.Contains(lines, "reason") {
			t.Errorf("logged %s", lines)
		}
		for _, f := range append(all, other) {
			_ = f.conn.Close()
		}
		drained.Wait()
		synctest.Wait()
		if got := strings.Count(log.take(), "\n"); got != int(held)-1 {
			t.Errorf("%d lines in the end, want one for each of %d", got, held-1)
		}
		unread.isWhole(t)
	})
}

func TestWhateverNeedsNoTokenIsHeldByItsConnection(t *testing.T) {
	t.Parallel()
	const connections, streams = 12, 100
	check := []byte("\x00\x00\x00\x00\x00")
	for name, test := range map[string]struct {
		ask       func(f *frames, token string)
		rateLimit int
	}{
		"no token":     {ask: func(f *frames, _ string) { f.request("GET", "/api/todos", nil) }},
		"no such path": {ask: func(f *frames, _ string) { f.request("GET", "/nothing", nil) }},
		"the document": {ask: func(f *frames, _ string) { f.request("GET", "/openapi.yaml", nil) }},
		"liveness":     {ask: func(f *frames, _ string) { f.request("GET", "/livez", nil) }},
		"health over gRPC": {ask: func(f *frames, _ string) {
			f.request("POST", "/grpc.health.v1.Health/Check", check, "content-type", "application/grpc")
		}},
		"above the rate": {ask: func(f *frames, token string) { f.request("GET", "/api/todos", nil, "authorization", "Bearer "+token) }, rateLimit: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.RateLimit = test.rateLimit
			refused := newLineCounter("too_many_unread")
			cfg.Logger = slog.New(slog.NewJSONHandler(refused, &slog.HandlerOptions{Level: slog.LevelDebug}))
			handler := newTodoServer(t, cfg)
			server := startServer(t, handler)
			var drained sync.WaitGroup
			var all []*frames
			for range connections {
				f := dialFrames(t, server.Listener.Addr().String(), 0)
				for range streams {
					test.ask(f, "u")
				}
				drained.Go(f.drain)
				all = append(all, f)
			}
			// Within the time that the others have to be read, or else later:
			// answers are refused for nothing but their number.
			refused.wait(t, 1)
			for _, f := range all {
				_ = f.conn.Close()
			}
			drained.Wait()
			server.end()
			handler.unread.isWhole(t)
		})
	}
}

// lockedBuffer is a buffer that a server writes to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// take returns what was written since the last time.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buf.Reset()
	return b.buf.String()
}

// lineCounter is a log that counts the lines that have a text.
type lineCounter struct {
	text    string
	counted chan struct{} // Has a value for each, for as many as are waited for.
}

func newLineCounter(text string) *lineCounter {
	return &lineCounter{text: text, counted: make(chan struct{}, 1<<10)}
}

func (c *lineCounter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(c.text)) {
		select {
		case c.counted <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

// wait returns when there were so many more lines.
func (c *lineCounter) wait(t *testing.T, lines int) {
	t.Helper()
	timeout := time.After(testTimeout)
	for range lines {
		select {
		case <-c.counted:
		case <-timeout:
			t.Fatalf("no line has %q", c.text)
		}
	}
}
