package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	todobackend "example.com/todo-backend"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// instantStore answers at once, so that a benchmark measures all but the
// database.
type instantStore struct {
	todo.Store
	page todo.Page
}

func newInstantStore() instantStore {
	at := time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC)
	page := todo.Page{Todos: make([]todo.Todo, 20), Next: &todo.Cursor{At: at}}
	for i := range page.Todos {
		page.Todos[i] = todo.Todo{
			ID: todo.ID{byte(i)}, Title: "Water the plants on the balcony",
			Description: "The tomatoes twice, the rosemary hardly at all", CreatedAt: at, UpdatedAt: at,
			Version: todo.VersionAt(at),
		}
	}
	return instantStore{page: page}
}

func (s instantStore) GetTodo(context.Context, todo.UserID, todo.ID) (todo.Todo, error) {
	return s.page.Todos[0], nil
}

func (s instantStore) ListTodos(context.Context, todo.UserID, todo.Query) (todo.Page, error) {
	return s.page, nil
}

// connection is a response writer that costs nothing, with what the
// middleware asks of a real one.
type connection struct {
	header http.Header
	status int
	size   int
}

func (c *connection) Header() http.Header              { return c.header }
func (c *connection) WriteHeader(status int)           { c.status = status }
func (c *connection) Write(p []byte) (int, error)      { c.size += len(p); return len(p), nil }
func (c *connection) Flush()                           {}
func (c *connection) SetReadDeadline(time.Time) error  { return nil }
func (c *connection) SetWriteDeadline(time.Time) error { return nil }

// jsonToNowhere returns a logger that makes its lines as the service's does.
func jsonToNowhere() *slog.Logger {
	return slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // slog.DiscardHandler would make no lines.
}

// newInstantHandler returns the handler of everything, above an instantStore,
// and an Authorization header that it lets in.
func newInstantHandler(tb testing.TB) (handler *server.Server, authorization string) {
	tb.Helper()
	cfg, issuer := instantConfig(tb)
	handler, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(handler.Close)
	return handler, "Bearer " + issuer.Token("alice")
}

// instantConfig returns what that handler is made of, and the issuer of tokens
// that it lets in.
func instantConfig(tb testing.TB) (Config, *authtest.Issuer) {
	tb.Helper()
	issuer := authtest.Start(tb)
	keys := auth.NewKeySet(auth.KeySetConfig{URL: issuer.KeySetURL()})
	tb.Cleanup(keys.Close)
	return Config{
		Todos:         todo.NewService(newInstantStore(), nil),
		Watches:       newTestHub(tb),
		Authenticator: auth.NewVerifier(auth.Config{Issuer: issuer.Origin(), Audience: issuer.Origin(), Keys: keys}),
		Server: server.Config{
			Ping:    func(context.Context) error { return nil },
			Logger:  jsonToNowhere(),
			Origins: []string{"http://localhost:5173"},
		},
		OpenAPI: todobackend.OpenAPI,
	}, issuer
}

// way is how a request is made.
type way struct {
	name, verb, path, contentType string
	body                          []byte
	http2                         bool
}

// server returns a function that has the handler serve a request of this way,
// as if it had just arrived.
func (way way) server(tb testing.TB, handler http.Handler, authorization string) func() {
	tb.Helper()
	r := httptest.NewRequest(way.verb, way.path, http.NoBody)
	if way.http2 {
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	}
	body := bytes.NewReader(nil)
	header := http.Header{"Authorization": {authorization}}
	if way.contentType != "" {
		header.Set("Content-Type", way.contentType)
	}
	w := &connection{header: make(http.Header)}
	return func() {
		// As they arrive: the handler changes them.
		r.Header = header.Clone()
		if way.body != nil {
			body.Reset(way.body)
			r.Body, r.ContentLength = io.NopCloser(body), int64(len(way.body))
		}
		clear(w.header)
		w.status, w.size = 0, 0
		handler.ServeHTTP(w, r)
		if w.status > http.StatusOK || w.size < 100 || w.header.Get("Grpc-Message") != "" {
			tb.Fatalf("status %d, %d bytes, %v", w.status, w.size, w.header)
		}
	}
}

// BenchmarkRequest measures a whole request but for the database and the
// connection: from the first middleware to the log line, which is written to
// nowhere. What net/http does around a handler is not in it.
func BenchmarkRequest(b *testing.B) {
	handler, authorization := newInstantHandler(b)
	get := &todov1.GetTodoRequest{Id: "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"}
	list := &todov1.ListTodosRequest{PageSize: 20}
	for _, bench := range []struct {
		name, path, rest string
		message          proto.Message
	}{
		{"get", todov1connect.TodoServiceGetTodoProcedure, "/api/todos/" + get.GetId(), get},
		{"list 20", todov1connect.TodoServiceListTodosProcedure, "/api/todos?pageSize=20", list},
	} {
		asJSON, err := protojson.Marshal(bench.message)
		if err != nil {
			b.Fatal(err)
		}
		asBinary, err := proto.Marshal(bench.message)
		if err != nil {
			b.Fatal(err)
		}
		envelope := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(asBinary))), asBinary...)
		for _, way := range []way{
			{"Connect binary", http.MethodPost, bench.path, "application/proto", asBinary, false},
			{"Connect JSON", http.MethodPost, bench.path, "application/json", asJSON, false},
			{"REST", http.MethodGet, bench.rest, "", nil, false},
			{"gRPC", http.MethodPost, bench.path, "application/grpc+proto", envelope, true},
		} {
			b.Run(bench.name+"/"+way.name, func(b *testing.B) {
				serve := way.server(b, handler, authorization)
				b.ReportAllocs()
				for b.Loop() {
					serve()
				}
			})
		}
	}
}

// BenchmarkCodec measures what is decoded and encoded for a call.
func BenchmarkCodec(b *testing.B) {
	at := timestamppb.New(time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC))
	one := &todov1.Todo{
		Id: "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53", Title: "Water the plants on the balcony",
		Description: proto.String("The tomatoes twice, the rosemary hardly at all"), CreatedAt: at, UpdatedAt: at,
	}
	page := &todov1.ListTodosResponse{NextPageToken: strings.Repeat("t", 40)}
	for range 20 {
		page.Todos = append(page.Todos, one)
	}
	create := &todov1.CreateTodoRequest{Title: one.GetTitle(), Description: one.Description}
	for name, codec := range map[string]connect.Codec{"JSON": newJSONCodec(), "binary": protoCodec{}} {
		for kind, message := range map[string]proto.Message{"todo": one, "20 todos": page} {
			b.Run("encode "+kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := codec.Marshal(message); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		encoded, err := codec.Marshal(create)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("decode create/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := codec.Unmarshal(encoded, new(todov1.CreateTodoRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
