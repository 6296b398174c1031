package rpc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/todo"
)

// TestAWatchTellsOfChangesOverEveryProtocol has alice create todos while she watches and
// bob does.
func TestAWatchTellsOfChangesOverEveryProtocol(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		t.Run(protocol.name, func(t *testing.T) {
			t.Parallel()
			s := newChangesService(t, names{})
			url := s.start(t)
			client := protocol.client(t, url, "alice")
			create := func(n int) {
				t.Helper()
				for range n {
					if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "hers"}); err != nil {
						t.Fatal(err)
					}
				}
			}
			bobs, err := protocol.client(t, url, "bob").WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
			if err != nil {
				t.Fatal(err)
			}
			defer bobs.Close()
			receive(t, bobs, 0, false)

			create(todo.DefaultPageSize + 1)
			stream, err := client.WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
			if err != nil {
				t.Fatal(err)
			}
			receive(t, stream, todo.DefaultPageSize, true)
			receive(t, stream, 1, false)
			create(1)
			token := receive(t, stream, 1, false).GetNextSyncToken()
			_ = stream.Close()

			create(2)
			stream, err = client.WatchTodos(t.Context(), &todov1.WatchTodosRequest{SyncToken: token})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			receive(t, stream, 2, false)

			if _, err := protocol.client(t, url, "bob").CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "his"}); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, bobs, 1, false).GetTodos()[0].GetTitle(); got != "his" {
				t.Errorf("bob is told of %q", got)
			}
		})
	}
}

// receive returns the next message, which has to have so many todos.
func receive(t *testing.T, stream *connect.ServerStreamForClient[todov1.WatchTodosResponse], todos int, hasMore bool) *todov1.WatchTodosResponse {
	t.Helper()
	if !stream.Receive() {
		t.Fatalf("the stream ended: %v", stream.Err())
	}
	msg := stream.Msg()
	if len(msg.GetTodos()) != todos || msg.GetHasMore() != hasMore || msg.GetReset_() || msg.GetNextSyncToken() == "" {
		t.Errorf("a message has %d todos, more %v, want %d, %v", len(msg.GetTodos()), msg.GetHasMore(), todos, hasMore)
	}
	return msg
}

// TestAWatchEndsWithAReason opens streams, has them end, and looks at what the caller is
// told and at the line in the log.
func TestAWatchEndsWithAReason(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		for name, test := range map[string]struct {
			life   time.Duration // Of the token.
			end    func(*changesService)
			code   connect.Code
			retry  bool
			level  string
			ended  string
			reason string
		}{
			"the token expires": {life: 50 * time.Millisecond, code: connect.CodeUnauthenticated, level: "INFO", ended: "expiry"},
			"the server drains": {end: func(s *changesService) { _ = s.Drain(0) }, code: connect.CodeUnavailable, retry: true, level: "INFO", ended: "drain"},
		} {
			t.Run(protocol.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newChangesService(t, names{life: test.life})
				stream, err := protocol.client(t, s.start(t), "alice").WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
				if err != nil {
					t.Fatal(err)
				}
				received := 0
				if test.end != nil {
					receive(t, stream, 0, false)
					received++
					test.end(s)
				}
				for stream.Receive() {
					received++
				}
				if received > 1 {
					t.Errorf("it goes on with %v", stream.Msg())
				}
				checkRefused(t, stream.Err(), test.code, test.retry, time.Second, 6*time.Second)
				_ = stream.Close()
				s.waitForNone(t)
				line := s.log.line(t, todov1connect.TodoServiceWatchTodosProcedure)
				if line.Level != test.level || line.Ended != test.ended || line.Code != test.code.String() || line.Messages == nil || *line.Messages != received {
					t.Errorf("logged as %+v, %d messages came", line, received)
				}
			})
		}
	}
}

// checkRefused checks the error of a call, and after how long it is to be tried again.
func checkRefused(t *testing.T, err error, code connect.Code, retry bool, least, most time.Duration) {
	t.Helper()
	failure := new(connect.Error)
	if connect.CodeOf(err) != code || !asConnectError(err, &failure) {
		t.Fatalf("it fails with %v, want %v", err, code)
	}
	told := false
	for _, detail := range failure.Details() {
		value, _ := detail.Value()
		info, ok := value.(*errdetails.RetryInfo)
		delay := info.GetRetryDelay().AsDuration()
		told = told || ok && delay >= least && delay <= most
	}
	if told != retry || (failure.Meta().Get("Retry-After") != "") != retry {
		t.Errorf("it has the details %v and Retry-After %q", failure.Details(), failure.Meta().Get("Retry-After"))
	}
}

// waitForNone waits until nobody watches, and all requests are logged.
func (s *changesService) waitForNone(t *testing.T) {
	t.Helper()
	for s.hub.Stats().Open > 0 || s.Stats().StreamsOpen[todov1connect.TodoServiceWatchTodosProcedure] > 0 || !strings.Contains(s.log.peek(), "WatchTodos") {
		if t.Context().Err() != nil {
			t.Fatal("streams are open still")
		}
		<-time.After(time.Millisecond)
	}
}

// TestThereIsRoomForFewWatches fills it, by streams and by calls that wait.
func TestThereIsRoomForFewWatches(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		t.Run(protocol.name, func(t *testing.T) {
			t.Parallel()
			s := newChangesService(t, names{})
			url := s.start(t)
			open := func(user string) *connect.ServerStreamForClient[todov1.WatchTodosResponse] {
				t.Helper()
				stream, err := protocol.client(t, url, user).WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
				if err != nil {
					t.Fatal(err)
				}
				return stream
			}
			refuse := func(user, reason string) {
				t.Helper()
				stream := open(user)
				if stream.Receive() {
					t.Errorf("%s may watch: %v", user, stream.Msg())
				}
				checkRefused(t, stream.Err(), connect.CodeResourceExhausted, true, 10*time.Second, 10*time.Second)
				_ = stream.Close()
				if want := `"reason":"` + reason + `"`; !strings.Contains(s.log.peek(), want) {
					t.Errorf("the log has no %s: %s", want, s.log.peek())
				}
				_, err := protocol.client(t, url, user).SyncTodos(t.Context(), &todov1.SyncTodosRequest{WaitSeconds: 1})
				checkRefused(t, err, connect.CodeResourceExhausted, true, 10*time.Second, 10*time.Second)
				if _, err := protocol.client(t, url, user).SyncTodos(t.Context(), &todov1.SyncTodosRequest{}); err != nil {
					t.Errorf("%s can't sync without waiting: %v", user, err)
				}
			}
			first, second := open("alice"), open("alice")
			receive(t, first, 0, false)
			receive(t, second, 0, false)
			refuse("alice", "too_many_watches")
			third := open("bob")
			receive(t, third, 0, false)
			refuse("bob", "watches_full")
			for _, stream := range []*connect.ServerStreamForClient[todov1.WatchTodosResponse]{first, second, third} {
				_ = stream.Close()
			}
		})
	}
}

// TestAQuietWatchHasHeartbeatsAndIsRenewed watches for a quarter of an hour, in a bubble.
func TestAQuietWatchHasHeartbeatsAndIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newChangesService(t, names{})
		r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceWatchTodosProcedure, strings.NewReader(envelope("{}")))
		r.Header.Set("Content-Type", "application/connect+json")
		r.Header.Set("Authorization", "Bearer alice")
		w := &envelopes{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
		s.ServeHTTP(w, r)
		lasted := time.Since(w.start)
		if lasted < 13*time.Minute || lasted > 17*time.Minute {
			t.Errorf("it lasted %v", lasted)
		}
		last := len(w.at) - 1
		for i, at := range w.at[:last] {
			if want := time.Duration(i) * 20 * time.Second; at != want || !strings.HasPrefix(w.texts[i], `{"todos":[],"nextSyncToken":"`) {
				t.Errorf("message %d came after %v, want %v: %s", i, at, want, w.texts[i])
			}
		}
		var end struct{ Error struct{ Code string } }
		if err := json.Unmarshal([]byte(w.texts[last]), &end); err != nil || end.Error.Code != "unavailable" {
			t.Errorf("it ended with %s", w.texts[last])
		}
		if want := int(lasted/(20*time.Second)) + 1; last != want {
			t.Errorf("%d messages came, want %d", last, want)
		}
		line := s.log.line(t, todov1connect.TodoServiceWatchTodosProcedure)
		if line.Level != "INFO" || line.Ended != "length" || line.Code != "unavailable" || *line.Messages != last {
			t.Errorf("logged as %+v", line)
		}
	})
}

// TestTheRateLimitHoldsForPagesOfAWatch has more pages than a burst, in a bubble.
func TestTheRateLimitHoldsForPagesOfAWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const perSecond, burst, pages = 10, 100, 150
		s := newLimitedService(t, names{}, perSecond)
		alice, err := todo.ParseUserID("alice")
		if err != nil {
			t.Fatal(err)
		}
		s.store.changes = map[todo.UserID][]todo.Todo{alice: make([]todo.Todo, pages*todo.DefaultPageSize)}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		call := func(ctx context.Context, procedure, contentType, body string) *envelopes {
			r := httptest.NewRequest(http.MethodPost, procedure, strings.NewReader(body)).WithContext(ctx)
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Authorization", "Bearer alice")
			w := &envelopes{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
			s.ServeHTTP(w, r)
			return w
		}
		ended := make(chan *envelopes)
		go func() {
			ended <- call(ctx, todov1connect.TodoServiceWatchTodosProcedure, "application/connect+json", envelope("{}"))
		}()
		time.Sleep(time.Second) // It waits for pages.
		if w := call(t.Context(), todov1connect.TodoServiceSyncTodosProcedure, "application/json", "{}"); w.Code != http.StatusOK {
			t.Errorf("another call gets %d: %s", w.Code, w.Body)
		}
		time.Sleep(10 * time.Second)
		leave()
		w := <-ended
		if len(w.at) < pages {
			t.Fatalf("%d pages came, want %d", len(w.at), pages)
		}
		for i, at := range w.at[:pages] {
			if want := time.Duration(max(0, i-burst)) * time.Second / perSecond; at.Round(time.Millisecond) != want {
				t.Errorf("page %d came after %v, want %v", i, at, want)
			}
		}
	})
}

// envelopes notes when each message of a stream came.
type envelopes struct {
	*httptest.ResponseRecorder
	start time.Time
	at    []time.Duration
	texts []string
}

func (e *envelopes) Flush() {
	body := e.Body.Bytes()
	for len(body) >= 5 {
		size := 5 + int(body[1])<<24 + int(body[2])<<16 + int(body[3])<<8 + int(body[4])
		if len(body) < size {
			break
		}
		e.at, e.texts = append(e.at, time.Since(e.start)), append(e.texts, string(body[5:size]))
		e.Body.Next(size)
		body = e.Body.Bytes()
	}
}

func (e *envelopes) SetReadDeadline(time.Time) error  { return nil }
func (e *envelopes) SetWriteDeadline(time.Time) error { return nil }

// TestAWatchIsCheckedAsACallIs sends what no watch begins with.
func TestAWatchIsCheckedAsACallIs(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		s := newChangesService(t, names{})
		url := s.start(t)
		for name, test := range map[string]struct {
			user string
			req  *todov1.WatchTodosRequest
			err  error
			code connect.Code
		}{
			"a broken token":       {"alice", &todov1.WatchTodosRequest{SyncToken: "next"}, nil, connect.CodeInvalidArgument},
			"too long a token":     {"alice", &todov1.WatchTodosRequest{SyncToken: strings.Repeat("a", 513)}, nil, connect.CodeInvalidArgument},
			"nobody":               {"", &todov1.WatchTodosRequest{}, nil, connect.CodeUnauthenticated},
			"no trash":             {"alice", &todov1.WatchTodosRequest{}, todo.ErrNoTrash, connect.CodeUnimplemented},
			"a store that is away": {"alice", &todov1.WatchTodosRequest{}, todo.ErrUnavailable, connect.CodeUnavailable},
		} {
			s.store.mu.Lock()
			s.store.err = test.err
			s.store.mu.Unlock()
			stream, err := protocol.client(t, url, test.user).WatchTodos(t.Context(), test.req)
			if err != nil {
				t.Fatal(err)
			}
			if stream.Receive() || connect.CodeOf(stream.Err()) != test.code {
				t.Errorf("%s: %s: %v, want %v", protocol.name, name, stream.Err(), test.code)
			}
			_ = stream.Close()
		}
		if got := s.hub.Stats().Open; got != 0 {
			t.Errorf("%s: %d watches are open", protocol.name, got)
		}
	}
}

// TestACallerWhoLeavesAWatchIsForgotten leaves while nothing happens.
func TestACallerWhoLeavesAWatchIsForgotten(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		s := newChangesService(t, names{})
		ctx, leave := context.WithCancel(t.Context())
		stream, err := protocol.client(t, s.start(t), "alice").WatchTodos(ctx, &todov1.WatchTodosRequest{})
		if err != nil {
			t.Fatal(err)
		}
		receive(t, stream, 0, false)
		leave()
		_ = stream.Close()
		s.waitForNone(t)
		if line := s.log.line(t, todov1connect.TodoServiceWatchTodosProcedure); line.Ended != "caller" || line.Level != "INFO" {
			t.Errorf("%s: logged as %+v", protocol.name, line)
		}
	}
}

// TestAWatchOverRESTHasEvents reads them as any client of server-sent events.
func TestAWatchOverRESTHasEvents(t *testing.T) {
	t.Parallel()
	s := newChangesService(t, names{})
	url := s.start(t)
	client := protocols()[0].client(t, url, "alice")
	if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "hers"}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/todos:watch", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := as{"alice", new(http.Transport)}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var seen []byte
	for !slices.Contains(strings.Split(string(seen), "\n"), "") || !strings.Contains(string(seen), `"title":"hers"`) {
		buffer := make([]byte, 4096)
		n, err := res.Body.Read(buffer)
		if seen = append(seen, buffer[:n]...); err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
	}
	if got := s.Stats().StreamsOpen[todov1connect.TodoServiceWatchTodosProcedure]; got != 1 {
		t.Errorf("%d streams are open", got)
	}
}
