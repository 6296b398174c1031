package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// hollowStore keeps nothing: what is fuzzed is the wire, and a database would
// make it too slow to get anywhere.
type hollowStore struct{}

func (hollowStore) CreateTodo(_ context.Context, _ todo.UserID, draft todo.Draft) (todo.Todo, error) {
	return todo.Todo{Title: draft.Title, Description: draft.Description, CreatedAt: time.UnixMicro(1), UpdatedAt: time.UnixMicro(1)}, nil
}

func (hollowStore) GetTodo(context.Context, todo.UserID, todo.ID) (todo.Todo, error) {
	return todo.Todo{}, todo.ErrNotFound
}

func (hollowStore) ListTodos(_ context.Context, _ todo.UserID, query todo.Query) (todo.Page, error) {
	return todo.Page{Next: query.After}, nil
}

func (hollowStore) UpdateTodo(_ context.Context, _ todo.UserID, id todo.ID, _ todo.Change) (todo.Todo, error) {
	return todo.Todo{ID: id, Title: "t", CreatedAt: time.UnixMicro(1), UpdatedAt: time.UnixMicro(2)}, nil
}

func (hollowStore) DeleteTodo(context.Context, todo.UserID, todo.ID, todo.Deletion) error {
	return todo.ErrNotFound
}

func (hollowStore) UndeleteTodo(context.Context, todo.UserID, todo.ID, todo.Version) (todo.Todo, error) {
	return todo.Todo{}, todo.ErrNotFound
}

func (hollowStore) EmptyTrash(context.Context, todo.UserID) error { return nil }

func (hollowStore) ListChanges(_ context.Context, _ todo.UserID, after *todo.SyncPosition, _ int) (todo.Changes, error) {
	if after == nil {
		after = new(todo.SyncPosition)
	}
	// One change, so that nobody waits for it.
	return todo.Changes{Todos: []todo.Todo{{Title: "t", CreatedAt: time.UnixMicro(1), UpdatedAt: time.UnixMicro(2)}}, Next: *after}, nil
}

func (hollowStore) ApplyTodos(_ context.Context, _ todo.UserID, request todo.ApplyRequest) ([]todo.Result, error) {
	return make([]todo.Result, len(request.Operations)), nil
}

// fuzzedHandler is the whole wire, and a token that it accepts.
type fuzzedHandler struct {
	http.Handler
	token string
	log   *lockedLog
}

func newFuzzedHandler(f *testing.F) *fuzzedHandler {
	f.Helper()
	issuer := authtest.Start(f, func(cfg *authtest.Config) { cfg.Life = 24 * time.Hour })
	keys := auth.NewKeySet(auth.KeySetConfig{URL: issuer.KeySetURL()})
	f.Cleanup(keys.Close)
	log := new(lockedLog)
	handler, err := New(Config{
		Todos:         todo.NewService(hollowStore{}, nil),
		Watches:       newTestHub(f),
		Authenticator: auth.NewVerifier(auth.Config{Issuer: issuer.Origin(), Audience: issuer.Origin(), Keys: keys}),
		Server: server.Config{
			Ping:    func(context.Context) error { return nil },
			Logger:  slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Origins: []string{"https://app.example.com"}, Reflection: true,
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(handler.Close)
	return &fuzzedHandler{Handler: handler, token: issuer.Token("fuzzer"), log: log}
}

// lockedLog keeps the lines of the request under way.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) peek() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// serve answers a request, and checks what holds for any: no failure of this
// side, the one shape of errors, one line in the log.
func (h *fuzzedHandler) serve(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	h.log.take()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	line := h.log.take()
	// Those two are refusals: of a compression, and of a stream over HTTP/1.1.
	if w.Code >= 500 && w.Code != http.StatusNotImplemented && w.Code != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) || strings.Contains(line, `"level":"ERROR"`) {
		t.Errorf("logged as %s", line)
	}
	if id := w.Header().Get("X-Request-Id"); id == "" || len(id) > 64 {
		t.Errorf("request id %q", id)
	}
	if w.Code >= 400 && r.Method != http.MethodHead {
		var refusal struct{ Code, Message string }
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || refusal.Code == "" {
			t.Errorf("status %d in another shape: %q", w.Code, w.Body)
		}
	}
	return w
}

// FuzzConnectGet sends any query to a method that is served to GET.
func FuzzConnectGet(f *testing.F) {
	handler := newFuzzedHandler(f)
	for _, query := range []string{
		"connect=v1&encoding=json&message=%7B%7D",
		"connect=v1&encoding=json&base64=1&message=e30",
		"connect=v1&encoding=proto&base64=1&message=CAE",
		"encoding=proto&message=%08%01",
		"encoding=json&message=" + url.QueryEscape(`{"pageToken":"AQAABjY","isCompleted":true}`),
		"encoding=json&compression=gzip&base64=1&message=H4sIAAAAAAAA_6uuBQBDv6ajAgAAAA",
		"encoding=json&compression=br&message={}",
		"encoding=json&message=%zz", "encoding=json&base64=1&message=*", "encoding=xml&message={}", "message={}&message={}", "connect=v2&encoding=json&message={}", ";", "",
	} {
		f.Add(true, query)
		f.Add(false, query)
	}
	f.Fuzz(func(t *testing.T, list bool, query string) {
		r := httptest.NewRequest(http.MethodGet, "/todo.v1.TodoService/ListTodos", nil)
		if !list {
			r.URL.Path = "/todo.v1.TodoService/GetTodo"
		}
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+handler.token)
		if w := handler.serve(t, r); w.Code == http.StatusOK && !list {
			t.Errorf("a todo was found: %s", w.Body)
		}
	})
}

// FuzzRequest sends any request to the whole wire.
func FuzzRequest(f *testing.F) {
	handler := newFuzzedHandler(f)
	for _, seed := range []struct{ method, target, contentType, encoding, body string }{
		{"POST", "/api/todos", "application/json", "", `{"title":"a","description":""}`},
		{"GET", "/api/todos?pageSize=1&isCompleted=true", "", "", ""},
		{"PATCH", "/api/todos/0b6b5a1e-3f0c-4a57-9f0e-6d1f3b2a9c11", "application/json; charset=utf-8", "identity", `{"isCompleted":true}`},
		{"DELETE", "/api/todos/0b6b5a1e-3f0c-4a57-9f0e-6d1f3b2a9c11", "", "", ""},
		{"POST", "/todo.v1.TodoService/CreateTodo", "application/json", "gzip", "\x1f\x8b"},
		{"POST", "/todo.v1.TodoService/CreateTodo", "application/proto", "", "\x0a\x01a"},
		{"POST", "/todo.v1.TodoService/CreateTodo", "application/grpc-web+proto", "", "\x00\x00\x00\x00\x03\x0a\x01a"},
		{"POST", "/todo.v1.TodoService/CreateTodo", "application/grpc", "", "\x01\xff\xff\xff\xff"},
		{"POST", "/todo.v1.TodoService/Other", "application/grpc+json", "br", ""},
		{"POST", "/grpc.health.v1.Health/Check", "application/json", "", `{"service":"x"}`},
		{"POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "application/grpc", "", ""},
		{"GET", "/api/health", "", "", ""},
		{"HEAD", "/openapi.yaml", "", "", ""},
		{"OPTIONS", "*", "a/b; c", "", ""},
		{"TRACE", "/api/%2e%2e//%00", "multipart/form-data; boundary=x", "deflate", "\x00"},
	} {
		f.Add(seed.method, seed.target, seed.contentType, seed.encoding, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, target, contentType, encoding, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || isWatch(u.Path) { // It lasts until its caller leaves.
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
		if err != nil {
			return // No server would take it for a request.
		}
		r.URL, r.RequestURI = u, target
		r.Header.Set("Authorization", "Bearer "+handler.token)
		for name, value := range map[string]string{"Content-Type": contentType, "Content-Encoding": encoding, "Grpc-Encoding": encoding} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		handler.serve(t, r)
	})
}

func isWatch(path string) bool {
	return strings.HasSuffix(path, "/Watch") || strings.HasSuffix(path, "/WatchTodos") || strings.HasSuffix(path, ":watch")
}

// FuzzReadProto reads any bytes as a message. What is read can be written, and
// is then read the same again.
func FuzzReadProto(f *testing.F) {
	f.Add([]byte("\x0a\x01a\x12\x01b\x1a\x01c\x20\x01"))
	f.Add([]byte{0x0a, 0x01, 0xff})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add(bytes.Repeat([]byte{0x0b}, 20_000)) // Groups, deep.
	f.Fuzz(func(t *testing.T, data []byte) {
		msg := new(todov1.UpdateTodoRequest)
		if err := (protoCodec{}).Unmarshal(data, msg); err != nil {
			checkDecodeError(t, err)
			return
		}
		again := new(todov1.UpdateTodoRequest)
		written, err := protoCodec{}.Marshal(msg)
		if err == nil {
			err = protoCodec{}.Unmarshal(written, again)
		}
		if err != nil || !proto.Equal(msg, again) {
			t.Errorf("%x was read as %v, then as %v, %v", data, msg, again, err)
		}
		if _, err := newJSONCodec().Marshal(msg); err != nil {
			t.Errorf("%x was read but can't be written as JSON: %v", data, err)
		}
	})
}
