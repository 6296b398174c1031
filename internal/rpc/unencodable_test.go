package rpc

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
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

func (s unencodableStore) UpdateTodo(context.Context, todo.UserID, todo.ID, todo.Change) (todo.Todo, error) {
	return todo.Todo{}, &todo.ConflictError{Current: s.todo}
}

// TestAnAnswerThatCantBeEncodedIsADefect gets todos that can't be encoded, in
// every way: Connect would tell its caller why, and the log nothing.
func TestAnAnswerThatCantBeEncodedIsADefect(t *testing.T) {
	t.Parallel()
	const id = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	get, update := todov1connect.TodoServiceGetTodoProcedure, todov1connect.TodoServiceUpdateTodoProcedure
	inJSON, inProto := `{"id":"`+id+`"}`, "\x0a\x24"+id
	at := time.UnixMicro(1)
	cfg, issuer := instantConfig(t)
	cfg.Todos = todo.NewService(unencodableStore{todo: todo.Todo{Title: "canary \xff", CreatedAt: at, UpdatedAt: at}}, nil)
	log := new(lockedLog)
	cfg.Server.Logger = slog.New(slog.NewJSONHandler(log, nil))
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	var requests sync.WaitGroup
	served := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		defer requests.Done()
		handler.ServeHTTP(w, r)
	}))
	served.Config.Protocols = new(http.Protocols)
	served.Config.Protocols.SetHTTP1(true)
	served.Config.Protocols.SetUnencryptedHTTP2(true)
	served.Start()
	defer served.Close()
	token := issuer.Token("u")
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
		{"Connect JSON, in an error", "POST", update, "application/json", `{"id":"` + id + `","title":"t"}`, false, "application/json"},
		{"REST, in an error", "PATCH", "/api/todos/" + id, "application/json", `{"title":"t"}`, false, "application/json"},
		{"gRPC, in an error", "POST", update, "application/grpc+json", envelope(`{"id":"` + id + `","title":"t"}`), true, "application/grpc+json"},
		{"gRPC", "POST", get, "application/grpc", envelope(inProto), true, "application/grpc"},
		{"gRPC over HTTP/1.1", "POST", get, "application/grpc+json", envelope(inJSON), false, "application/grpc+json"},
		{"gRPC-Web", "POST", get, "application/grpc-web+proto", envelope(inProto), false, "application/grpc-web+proto"},
		{"gRPC-Web with JSON", "POST", get, "application/grpc-web+json", envelope(inJSON), true, "application/grpc-web+json"},
	} {
		what := "over " + way.name
		req := httptest.NewRequest(way.verb, served.URL+way.path, strings.NewReader(way.body)).WithContext(t.Context())
		req.RequestURI = ""
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept-Encoding", "gzip")
		req.Header.Set("Grpc-Accept-Encoding", "gzip")
		if way.contentType != "" {
			req.Header.Set("Content-Type", way.contentType)
		}
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!way.http2)
		transport.Protocols.SetUnencryptedHTTP2(way.http2)
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		requests.Wait() // Now the log has its line.
		answer := fmt.Sprint(string(body), res.Header, res.Trailer)
		status, told := http.StatusOK, regexp.MustCompile(`(?is)grpc-message: ?\[?internal error.*grpc-status: ?\[?13`).MatchString(answer)
		if way.answerType == "application/json" {
			status, told = http.StatusInternalServerError, string(body) == `{"code":"internal","message":"internal error"}`
		}
		if res.StatusCode != status || !told || res.Header.Get("Content-Type") != way.answerType || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %s", what, res.StatusCode, answer)
		}
		for _, inside := range []string{"canary", "UTF-8", "marshal", "panic"} {
			if strings.Contains(answer, inside) {
				t.Errorf("%s: the answer tells %q", what, answer)
			}
		}
		line := log.take()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"code":"internal"`) || !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, "invalid UTF-8") {
			t.Errorf("%s: logged as %s", what, line)
		}
	}
}

// envelope is a message in its envelope.
func envelope(message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))) + message
}
