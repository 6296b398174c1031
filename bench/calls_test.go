package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	resttranscoder "example.com/todo-backend/internal/rest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/emptypb"
)

// service notes which calls it got, and answers in the length that a test wants.
type service struct {
	todov1connect.UnimplementedTodoServiceHandler
	title string

	fails  bool // Answers that there is no such todo.
	aborts bool // Gives a delete no answer.

	mu     sync.Mutex
	called map[string]int
}

// todo notes a call with the user that it came from.
func (s *service) todo(ctx context.Context, what string) (*todov1.Todo, error) {
	info, _ := connect.CallInfoForHandlerContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.called == nil {
		s.called = make(map[string]int)
	}
	s.called[what+" by "+info.RequestHeader().Get("Authorization")]++
	switch {
	case s.aborts && strings.HasPrefix(what, "delete"):
		panic(http.ErrAbortHandler)
	case s.fails:
		return nil, connect.NewError(connect.CodeNotFound, io.EOF)
	}
	return &todov1.Todo{Title: s.title}, nil
}

func (s *service) GetTodo(ctx context.Context, r *todov1.GetTodoRequest) (*todov1.Todo, error) {
	return s.todo(ctx, "get "+r.GetId())
}

func (s *service) UpdateTodo(ctx context.Context, r *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	return s.todo(ctx, "update "+r.GetId())
}

func (s *service) CreateTodo(ctx context.Context, r *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	return s.todo(ctx, "create "+r.GetTitle())
}

func (s *service) DeleteTodo(ctx context.Context, r *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	_, err := s.todo(ctx, "delete "+r.GetId())
	return &emptypb.Empty{}, err
}

func (s *service) ListTodos(ctx context.Context, r *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	todo, err := s.todo(ctx, fmt.Sprintf("list %d", r.GetPageSize()))
	return &todov1.ListTodosResponse{Todos: []*todov1.Todo{todo}}, err
}

// start serves over HTTP/1.1 and cleartext HTTP/2, and returns calls to make.
func (s *service) start(t *testing.T, sc scenario, p protocol, callers int) calls {
	t.Helper()
	if _, err := exec.LookPath("wrk"); err != nil && p != grpc {
		t.Skip("without wrk nothing calls over HTTP/1.1, and make test must need nothing installed: apt-get install wrk, as .ci/run does")
	}
	mux := http.NewServeMux()
	path, handler := todov1connect.NewTodoServiceHandler(s)
	mux.Handle(path, handler)
	transcoder, err := resttranscoder.NewTranscoder(resttranscoder.Config{
		Service: todov1.File_todo_v1_todo_proto.Services().ByName("TodoService"), RPC: handler,
		Refuse: func(w http.ResponseWriter, _ *http.Request, refusal resttranscoder.Refusal) {
			w.WriteHeader(refusal.Status)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/api/", transcoder)
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	server.Start()
	t.Cleanup(server.Close)
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("zero\none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return calls{
		combination: combination{sc, p, callers}, addr: strings.TrimPrefix(server.URL, "http://"),
		tokens: tokens, data: dataset{users: 2, todos: 4}, spare: 4, length: time.Second,
	}
}

// every is a scenario of all operations.
func every() scenario {
	return scenario{"every", []share{{get, 20}, {list20, 20}, {list100, 20}, {create, 20}, {update, 10}, {remove, 10}}}
}

// Enough calls are made within a second that each comes, at random, on the
// slowest machine.
func TestEveryCallIsUnderstoodAndItsTodoIsItsUsers(t *testing.T) {
	t.Parallel()
	var want []string
	for user, name := range []string{"zero", "one"} {
		for _, what := range []string{
			"get " + todoID(int64(user)), "get " + todoID(int64(user)+2), "update " + todoID(int64(user)), "update " + todoID(int64(user)+2),
			"list 20", "list 100", "create " + title,
		} {
			want = append(want, what+" by Bearer "+name)
		}
	}
	slices.Sort(want)
	for _, p := range protocols() {
		for name, length := range map[string]int{"short": 10, "in chunks": 40_000} {
			t.Run(string(p)+", "+name, func(t *testing.T) {
				t.Parallel()
				s := &service{title: strings.Repeat("t", length)}
				o, err := s.start(t, every(), p, 3).make(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				var got []string
				var sum int64
				for call, n := range s.called {
					sum += int64(n)
					if !strings.HasPrefix(call, "delete") { // Each of another todo.
						got = append(got, call)
					}
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if o.refused != 0 || o.succeeded == 0 || o.succeeded > sum || o.p50 <= 0 || o.p99 < o.p50 {
					t.Errorf("%+v of %d calls", o, sum)
				}
			})
		}
	}
}

func TestMoreCallersThanOneConnectionCarries(t *testing.T) {
	t.Parallel()
	const callers = streams + streams/2
	o, err := new(service).start(t, scenarios()[0], grpc, callers).make(t.Context())
	if err != nil || o.refused != 0 || o.succeeded < callers {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestADeletableTodoIsNamedOnce(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{connectBinary, grpc} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			var s service
			o, err := s.start(t, scenario{name: string(remove), shares: []share{{remove, 100}}}, p, 3).make(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for call, n := range s.called {
				if n != 1 || strings.Contains(call, todoID(0)) {
					t.Errorf("%s: %d times", call, n)
				}
			}
			if int64(len(s.called)) < o.succeeded {
				t.Errorf("%d of %d calls", len(s.called), o.succeeded)
			}
		})
	}
}

func TestRefusedCallsFailARun(t *testing.T) {
	t.Parallel()
	for _, p := range protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			o, err := (&service{fails: true}).start(t, every(), p, 3).make(t.Context())
			if err == nil || !strings.Contains(err.Error(), "were refused") || o.succeeded != 0 || o.refused == 0 {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

func TestCallsWithoutAnAnswerFailARun(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{rest, grpc} {
		c := (&service{aborts: true}).start(t, every(), p, 1)
		if o, err := c.make(t.Context()); err == nil {
			t.Errorf("%s: %+v", p, o)
		}
		c.addr = "127.0.0.1:1"
		if o, err := c.make(t.Context()); err == nil {
			t.Errorf("%s, where nobody listens: %+v", p, o)
		}
	}
}

// A caller who pauses for 50 ms makes at most 20 calls a second, give or take
// what chance does to so many.
func TestPausesKeepCallersFromCalling(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{rest, grpc} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			c := new(service).start(t, scenarios()[0], p, 10)
			c.pause = 50 * time.Millisecond
			o, err := c.make(t.Context())
			if err != nil || o.succeeded > 300 {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}
