package rpc

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/todo"
)

// unencodableStore has a todo that no answer can say.
type unencodableStore struct {
	hollowStore
	todo todo.Todo
}

func (s unencodableStore) GetTodo(context.Context, todo.UserID, todo.ID) (todo.Todo, error) {
	return s.todo, nil
}

// TestAnAnswerThatCantBeEncodedIsADefect gets todos that can't be encoded, in
// every way: Connect would tell its caller why, and the log nothing.
func TestAnAnswerThatCantBeEncodedIsADefect(t *testing.T) {
	t.Parallel()
	const id = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	get := todov1connect.TodoServiceGetTodoProcedure
	inJSON, inProto := `{"id":"`+id+`"}`, "\x0a\x24"+id
	at := time.UnixMicro(1)
	const cause = "invalid UTF-8"
	s := startWhole(t, unencodableStore{todo: todo.Todo{Title: "canary \xff", CreatedAt: at, UpdatedAt: at}})
	for _, way := range []struct {
		name, verb, path, contentType, body string
		http2                               bool
		answerType                          string
	}{
		{"Connect JSON", "POST", get, "application/json", inJSON, false, "application/json"},
		{"Connect JSON, compressed", "POST", get, "application/json", inJSON, true, "application/json"},
		{"Connect binary", "POST", get, "application/proto", inProto, false, "application/json"},
		{"Connect GET", "GET", get + "?encoding=proto&message=" + strings.NewReplacer("\x0a", "%0a").Replace(inProto), "", "", false, "application/json"},
		{"REST", "GET", "/api/todos/" + id, "", "", false, "application/json"},
		{"gRPC", "POST", get, "application/grpc", envelope(0, len(inProto), inProto), true, "application/grpc"},
		{"gRPC over HTTP/1.1", "POST", get, "application/grpc+json", envelope(0, len(inJSON), inJSON), false, "application/grpc+json"},
		{"gRPC-Web", "POST", get, "application/grpc-web+proto", envelope(0, len(inProto), inProto), false, "application/grpc-web+proto"},
		{"gRPC-Web with JSON", "POST", get, "application/grpc-web+json", envelope(0, len(inJSON), inJSON), true, "application/grpc-web+json"},
	} {
		what := "over " + way.name
		req := httptest.NewRequest(way.verb, s.URL+way.path, strings.NewReader(way.body)).WithContext(t.Context())
		req.RequestURI = ""
		req.Header.Set("Authorization", "Bearer "+s.token)
		req.Header.Set("Accept-Encoding", "gzip")
		req.Header.Set("Grpc-Accept-Encoding", "gzip")
		if way.contentType != "" {
			req.Header.Set("Content-Type", way.contentType)
		}
		_, wire := protocol{http2: way.http2}.client(t, s.URL)
		res, err := wire.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		_ = res.Body.Close()
		checkAnswer(t, what, wire.heard(), "internal", "internal error")
		status := http.StatusOK
		if way.answerType == "application/json" {
			status = http.StatusInternalServerError
		}
		if res.StatusCode != status || res.Header.Get("Content-Type") != way.answerType || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", what, res.StatusCode, res.Header)
		}
		if heard := wire.heard(); strings.Contains(heard, "canary") || tellTale.MatchString(heard) {
			t.Errorf("%s: the answer tells %q", what, heard)
		}
		line := s.log.next(t)
		if line.Code != "internal" || line.Level != "ERROR" || !strings.Contains(line.Cause, cause) {
			t.Errorf("%s: logged as %+v", what, line)
		}
	}
	s.log.checkEmpty(t)
}
