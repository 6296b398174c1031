package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/rest"
)

// The server of these tests has a service of its own, of the contract's shape.

// cannedTodos answers at once, and always the same.
type cannedTodos struct {
	todov1connect.UnimplementedTodoServiceHandler
}

func (cannedTodos) GetTodo(context.Context, *todov1.GetTodoRequest) (*todov1.Todo, error) {
	return cannedTodo(), nil
}

func (cannedTodos) ListTodos(context.Context, *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	page := &todov1.ListTodosResponse{}
	for range 20 {
		page.Todos = append(page.Todos, cannedTodo())
	}
	return page, nil
}

// ApplyTodos counts as a call for each operation.
func (cannedTodos) ApplyTodos(ctx context.Context, req *todov1.ApplyTodosRequest) (*todov1.ApplyTodosResponse, error) {
	return &todov1.ApplyTodosResponse{}, Charge(ctx, len(req.GetOperations()))
}

func cannedTodo() *todov1.Todo {
	at := timestamppb.New(time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC))
	return &todov1.Todo{
		Id: "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53", Title: "Water the plants on the balcony",
		Description: proto.String("The tomatoes twice, the rosemary hardly at all"), CreatedAt: at, UpdatedAt: at,
	}
}

// largeBytes bounds the requests of ApplyTodos.
const largeBytes = 1 << 20

// userName is a user.
type userName string

func (u userName) String() string { return string(u) }

// byName takes a token for the name of its user.
type byName struct{}

func (byName) Authenticate(_ context.Context, header http.Header) (Caller, error) {
	token, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer ")
	if !ok {
		return Caller{}, errNobody
	}
	return Caller{User: userName(token)}, nil
}

var (
	errNobody  = errors.New("nobody")
	errMissing = errors.New("missing")
	errAway    = errors.New("away")
)

// testErrors is the error table of the tests' API.
func testErrors() ErrorTable {
	return ErrorTable{
		{Err: errNobody, Code: connect.CodeUnauthenticated, Text: "who are you?"},
		{Err: errMissing, Code: connect.CodeNotFound, Text: "not found"},
		{Err: errAway, Code: connect.CodeUnavailable, Text: "away for a moment"},
	}
}

// testCodec refuses in plain words what it can't read, and panics of what it
// can't write.
type testCodec struct {
	name      string
	marshal   func(proto.Message) ([]byte, error)
	unmarshal func([]byte, proto.Message) error
}

func testCodecs() []connect.Codec {
	return []connect.Codec{
		testCodec{"proto", proto.Marshal, proto.Unmarshal},
		testCodec{"json", protojson.MarshalOptions{EmitDefaultValues: true}.Marshal, protojson.Unmarshal},
	}
}

func (c testCodec) Name() string { return c.name }

func (c testCodec) Marshal(message any) ([]byte, error) {
	msg, err := protoMessage(message)
	if err != nil {
		return nil, err
	}
	encoded, err := c.marshal(msg)
	if err != nil {
		panic(err)
	}
	return encoded, nil
}

func (c testCodec) Unmarshal(data []byte, message any) error {
	msg, err := protoMessage(message)
	if err != nil {
		return err
	}
	if c.unmarshal(data, msg) != nil {
		return errors.New("it is no " + c.name)
	}
	return nil
}

// testConfig returns the settings of a server that logs to nowhere.
func testConfig() Config {
	return Config{
		Ping:    func(context.Context) error { return nil },
		Logger:  slog.New(slog.NewJSONHandler(io.Discard, nil)), //nolint:sloglint // slog.DiscardHandler would make no lines.
		Origins: []string{"http://localhost:5173"},
	}
}

// newTodoServer returns a server of the service, over REST too.
func newTodoServer(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s := New(cfg, API{
		Authenticator: byName{}, Errors: testErrors().Lookup, Codecs: testCodecs(),
		MessageBytes: map[string]int64{todov1connect.TodoServiceApplyTodosProcedure: largeBytes},
	})
	tb.Cleanup(s.Close)
	service := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	_, handler := todov1connect.NewTodoServiceHandler(cannedTodos{}, s.Options())
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: service, RPC: handler,
		Refuse: func(w http.ResponseWriter, r *http.Request, refusal rest.Refusal) {
			s.Refuse(w, r, refusal.Status, connect.CodeInvalidArgument, refusal.Message)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.AddService(service, handler)
	s.AddREST("/api/", transcoder)
	s.AddDocument("/openapi.yaml", "application/yaml", []byte(strings.Repeat("# A document.\n", 1000)))
	return s
}

// discard is a response writer that costs nothing, with what the middleware
// asks of a real one.
type discard struct {
	header http.Header
	status int
	size   int
}

func (d *discard) Header() http.Header              { return d.header }
func (d *discard) WriteHeader(status int)           { d.status = status }
func (d *discard) Write(p []byte) (int, error)      { d.size += len(p); return len(p), nil }
func (d *discard) Flush()                           {}
func (d *discard) SetReadDeadline(time.Time) error  { return nil }
func (d *discard) SetWriteDeadline(time.Time) error { return nil }
