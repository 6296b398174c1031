package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestAHistogramKnowsQuantilesToItsResolution(t *testing.T) {
	t.Parallel()
	var h, other Histogram
	for i := 1; i <= 100_000; i++ {
		into := &h
		if i%2 == 0 {
			into = &other
		}
		into.Add(time.Duration(i) * time.Microsecond)
	}
	h.Merge(&other)
	for _, q := range []float64{0.001, 0.5, 0.95, 0.99, 1} {
		want := q * float64(100_000*time.Microsecond)
		if got := float64(h.Quantile(q)); math.Abs(got-want) > want/(1<<subBits) {
			t.Errorf("quantile %v is %v, want %v", q, time.Duration(got), time.Duration(want))
		}
	}
	if h.Total() != 100_000 {
		t.Errorf("counted %d", h.Total())
	}
	h.Add(math.MaxInt64)
	h.Add(-1)
	if got := h.Quantile(0); got != 0 {
		t.Errorf("the least is %v", got)
	}
}

// service notes what it is asked, and answers in the length that a test wants.
type service struct {
	todov1connect.UnimplementedTodoServiceHandler
	mu    sync.Mutex
	asked []string
	title string
	fail  bool
}

func (s *service) note(ctx context.Context, what string) (*todov1.Todo, error) {
	info, _ := connect.CallInfoForHandlerContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what+" as "+info.RequestHeader().Get("Authorization"))
	if s.fail {
		return nil, connect.NewError(connect.CodeNotFound, io.EOF)
	}
	return &todov1.Todo{Title: s.title}, nil
}

func (s *service) GetTodo(ctx context.Context, r *todov1.GetTodoRequest) (*todov1.Todo, error) {
	return s.note(ctx, "get "+r.GetId())
}

func (s *service) UpdateTodo(ctx context.Context, r *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	return s.note(ctx, "update "+r.GetId())
}

func (s *service) CreateTodo(ctx context.Context, r *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	return s.note(ctx, "create "+r.GetTitle())
}

func (s *service) DeleteTodo(ctx context.Context, r *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	_, err := s.note(ctx, "delete "+r.GetId())
	return &emptypb.Empty{}, err
}

func (s *service) ListTodos(ctx context.Context, r *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	todo, err := s.note(ctx, fmt.Sprintf("list %d", r.GetPageSize()))
	return &todov1.ListTodosResponse{Todos: []*todov1.Todo{todo}}, err
}

// start serves the service over HTTP/1.1 and HTTP/2.
func (s *service) start(t *testing.T) string {
	t.Helper()
	_, handler := todov1connect.NewTodoServiceHandler(s)
	return serve(t, handler).addr
}

// server serves over HTTP/1.1 and cleartext HTTP/2, of which a connection
// carries as many streams as the service's.
type server struct {
	addr        string
	connections atomic.Int64 // All that were accepted.
}

// serve serves what the handler answers. In a request's context is its
// connection.
func serve(t *testing.T, handler http.Handler) *server {
	t.Helper()
	var s server
	test := httptest.NewUnstartedServer(handler)
	test.Config.Protocols = new(http.Protocols)
	test.Config.Protocols.SetHTTP1(true)
	test.Config.Protocols.SetUnencryptedHTTP2(true)
	test.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	test.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	test.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		s.connections.Add(1)
		return context.WithValue(ctx, connKey{}, conn)
	}
	test.Start()
	t.Cleanup(test.Close)
	s.addr = strings.TrimPrefix(test.URL, "http://")
	return &s
}

type connKey struct{}

const someTodo = "12345678-9012-0000-0000-000000000000"

// each returns a source of one call of every operation, by user 1.
func each() Source {
	left := Operations()
	return func() (Call, bool) {
		if len(left) == 0 {
			return Call{}, false
		}
		op := left[0]
		left = left[1:]
		return Call{Operation: op, User: 1, Todo: someTodo}, true
	}
}

// eachAsked is what a service has been asked by each.
func eachAsked() []string {
	asked := []string{
		"get " + someTodo, "list 20", "list 100", "create " + Title, "update " + someTodo, "delete " + someTodo,
	}
	for i := range asked {
		asked[i] += " as Bearer token of 1"
	}
	return asked
}

func TestEveryCallIsUnderstoodByAConnectHandler(t *testing.T) {
	t.Parallel()
	want := eachAsked()
	for _, protocol := range []Protocol{ConnectJSON, ConnectBinary, GRPC} {
		for name, length := range map[string]int{"with a length": 10, "in chunks": 40_000} {
			t.Run(string(protocol)+" "+name, func(t *testing.T) {
				t.Parallel()
				s := &service{title: strings.Repeat("t", length)}
				r, err := Closed(t.Context(), Target{Addr: s.start(t), Protocol: protocol, Tokens: []string{"", "token of 1"}}, 1,
					func(int) Source { return each() }, Window{Length: 20 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if r.Made != uint64(len(want)) || r.Refused != 0 || !slices.Equal(s.asked, want) {
					t.Errorf("made %d, refused %d:\n got %q\nwant %q", r.Made, r.Refused, s.asked, want)
				}
			})
		}
	}
}

func TestRESTCallsAreWholeRequests(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) > 0 && (!json.Valid(body) || r.Header.Get("Content-Type") != "application/json") {
			t.Errorf("body %q, %v, %v", body, err, r.Header)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	_, err := Closed(t.Context(), Target{
		Addr: strings.TrimPrefix(server.URL, "http://"), Protocol: REST, Tokens: []string{"", "one"},
	}, 1, func(int) Source { return each() }, Window{Length: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /api/todos/" + someTodo, "GET /api/todos?pageSize=20", "GET /api/todos?pageSize=100",
		"POST /api/todos", "PATCH /api/todos/" + someTodo, "DELETE /api/todos/" + someTodo,
	}
	for i := range want {
		want[i] += " Bearer one"
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestManyCallersAreCountedOverEveryProtocol(t *testing.T) {
	t.Parallel()
	for _, protocol := range []Protocol{ConnectJSON, ConnectBinary, GRPC} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			s := &service{title: strings.Repeat("t", 3000)}
			began, ended := false, false
			const callers, calls = 25, 40
			r, err := Closed(t.Context(), Target{Addr: s.start(t), Protocol: protocol, Tokens: []string{"t"}}, callers,
				func(int) Source {
					left := calls
					return func() (Call, bool) {
						left--
						return Call{Operation: Get, Todo: someTodo}, left >= 0
					}
				}, Window{Length: 30 * time.Second, Begin: func() { began = true }, End: func() { ended = true }})
			if err != nil {
				t.Fatal(err)
			}
			if r.Made != callers*calls || len(s.asked) != callers*calls || r.Latency.Total() == 0 {
				t.Errorf("made %d, asked %d, counted %d", r.Made, len(s.asked), r.Latency.Total())
			}
			if began != ended {
				t.Errorf("began %v, ended %v", began, ended)
			}
		})
	}
}

func TestRefusedCallsFailARun(t *testing.T) {
	t.Parallel()
	for _, protocol := range []Protocol{ConnectJSON, ConnectBinary, GRPC} {
		s := &service{fail: true}
		_, err := Closed(t.Context(), Target{Addr: s.start(t), Protocol: protocol, Tokens: []string{"", ""}}, 1,
			func(int) Source { return each() }, Window{Length: 20 * time.Second})
		if err == nil || !strings.Contains(err.Error(), "6 of 6 calls") || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}
