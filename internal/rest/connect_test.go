package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/emptypb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/rest"
)

// echo answers with what it was asked, in the todo's title.
type echo struct {
	todov1connect.UnimplementedTodoServiceHandler
}

func (echo) CreateTodo(_ context.Context, req *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	return &todov1.Todo{Title: fmt.Sprintf("create %q", req.GetTitle())}, nil
}

func (echo) GetTodo(_ context.Context, req *todov1.GetTodoRequest) (*todov1.Todo, error) {
	if req.GetId() == "none" {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("todo not found"))
	}
	return &todov1.Todo{Id: req.GetId(), Title: "get"}, nil
}

func (echo) ListTodos(_ context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	title := fmt.Sprintf("list %d %q %t", req.GetPageSize(), req.GetPageToken(), req.GetIsCompleted())
	return &todov1.ListTodosResponse{Todos: []*todov1.Todo{{Title: title}}}, nil
}

func (echo) UpdateTodo(_ context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	return &todov1.Todo{Id: req.GetId(), Title: fmt.Sprintf("update %q", req.GetTitle())}, nil
}

func (echo) DeleteTodo(context.Context, *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (echo) UndeleteTodo(_ context.Context, req *todov1.UndeleteTodoRequest) (*todov1.Todo, error) {
	return &todov1.Todo{Id: req.GetId(), Title: fmt.Sprintf("undelete %q", req.GetEtag())}, nil
}

func (echo) EmptyTrash(context.Context, *todov1.EmptyTrashRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (echo) SyncTodos(_ context.Context, req *todov1.SyncTodosRequest) (*todov1.SyncTodosResponse, error) {
	return &todov1.SyncTodosResponse{NextSyncToken: fmt.Sprintf("after %q", req.GetSyncToken())}, nil
}

func (echo) WatchTodos(_ context.Context, req *todov1.WatchTodosRequest, stream *connect.ServerStream[todov1.WatchTodosResponse]) error {
	return stream.Send(&todov1.WatchTodosResponse{NextSyncToken: fmt.Sprintf("after %q", req.GetSyncToken())})
}

func (echo) ApplyTodos(_ context.Context, req *todov1.ApplyTodosRequest) (*todov1.ApplyTodosResponse, error) {
	return &todov1.ApplyTodosResponse{Results: make([]*todov1.TodoResult, len(req.GetOperations()))}, nil
}

// newTodos returns the REST routes of the todo service before a real Connect
// handler, which asks for the header "Authorization: Bearer good".
func newTodos(tb testing.TB) *rest.Transcoder {
	tb.Helper()
	gate := func(ctx context.Context, _ connect.Spec, _ connect.Peer, header http.Header) (context.Context, error) {
		if header.Get("Authorization") != "Bearer good" {
			return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("who is it?"))
		}
		return ctx, nil
	}
	_, handler := todov1connect.NewTodoServiceHandler(echo{}, connect.WithRequestGate(gate), connect.WithReadMaxBytes(1<<10))
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: todov1.File_todo_v1_todo_proto.Services().ByName("TodoService"),
		RPC:     handler,
		Refuse: func(w http.ResponseWriter, _ *http.Request, refusal rest.Refusal) {
			http.Error(w, refusal.Message, refusal.Status)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return transcoder
}

func TestAgainstConnect(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newTodos(t))
	t.Cleanup(server.Close)
	tests := map[string]struct {
		call, body string
		chunked    bool
		stranger   bool // The token is not good.
		status     int
		want       string // In the answer.
	}{
		"create":                           {call: "POST /api/todos", body: `{"title":"x"}`, status: 200, want: `create \"x\"`},
		"create, chunked":                  {call: "POST /api/todos", body: `{"title":"x"}`, chunked: true, status: 200, want: `create \"x\"`},
		"get":                              {call: "GET /api/todos/A", status: 200, want: `"A"`},
		"get what isn't there":             {call: "GET /api/todos/none", status: 404, want: "todo not found"},
		"head":                             {call: "HEAD /api/todos/A", status: 200},
		"head of what isn't there":         {call: "HEAD /api/todos/none", status: 404},
		"list":                             {call: "GET /api/todos?page_size=7&pageToken=a%22&isCompleted=true", status: 200, want: `list 7 \"a\\\"\" true`},
		"update":                           {call: "PATCH /api/todos/A", body: ` {"title":"x"} `, status: 200, want: `update \"x\"`},
		"update, chunked":                  {call: "PATCH /api/todos/A", body: `{"title":"x"}`, chunked: true, status: 200, want: `update \"x\"`},
		"delete":                           {call: "DELETE /api/todos/A", status: 200, want: `{}`},
		"undelete":                         {call: "POST /api/todos/A:undelete", body: `{"etag":"x"}`, status: 200, want: `undelete \"x\"`},
		"undelete without a body":          {call: "POST /api/todos/A:undelete", status: 400, want: "invalid_argument"},
		"undelete by GET":                  {call: "GET /api/todos/A:undelete", status: 405, want: "POST"},
		"empty the trash":                  {call: "POST /api/todos:emptyTrash", status: 200, want: `{}`},
		"empty the trash, with a body":     {call: "POST /api/todos:emptyTrash", body: `{}`, status: 400, want: "no body"},
		"empty the trash by DELETE":        {call: "DELETE /api/todos:emptyTrash", status: 405, want: "POST"},
		"sync":                             {call: "GET /api/todos:sync?sync_token=x", status: 200, want: `after \"x\"`},
		"apply":                            {call: "POST /api/todos:apply", body: `{"operations":[{"delete":{}},{"delete":{}}]}`, status: 200, want: `"results"`},
		"watch":                            {call: "GET /api/todos:watch?sync_token=x", status: 200, want: `after \"x\"`},
		"watch by HEAD":                    {call: "HEAD /api/todos:watch", status: 405},
		"watch by POST":                    {call: "POST /api/todos:watch", body: `{}`, status: 405, want: "one of GET"},
		"watch with a body":                {call: "GET /api/todos:watch", body: `{}`, status: 400, want: "no body"},
		"watch with a chunked body":        {call: "GET /api/todos:watch", body: `{}`, chunked: true, status: 400, want: "no body"},
		"watch with an unknown parameter":  {call: "GET /api/todos:watch?pageSize=1", status: 400, want: "this path takes syncToken"},
		"an unknown custom verb":           {call: "GET /api/todos:none", status: 404, want: "nothing at this path"},
		"a custom verb of another path":    {call: "GET /api/todos/A:watch", status: 404, want: "nothing at this path"},
		"an id that is in the body too":    {call: "PATCH /api/todos/A", body: `{"title":"x","id":"B"}`, status: 400, want: "duplicate"},
		"a null id in the body":            {call: "PATCH /api/todos/A", body: `{"id":null}`, status: 400, want: "duplicate"},
		"an unknown query parameter":       {call: "GET /api/todos?userId=B", status: 400, want: "invalid_argument"},
		"an id in path and query":          {call: "GET /api/todos/A?id=B", status: 400, want: "in the path already"},
		"a number that is none":            {call: "GET /api/todos?pageSize=x", status: 400, want: "must be an integer"},
		"broken JSON":                      {call: "PATCH /api/todos/A", body: `{"title"`, status: 400, want: "invalid_argument"},
		"JSON that is no object":           {call: "PATCH /api/todos/A", body: `["title"]`, status: 400, want: "invalid_argument"},
		"a body on GET":                    {call: "GET /api/todos/A", body: `{}`, status: 400, want: "no body"},
		"a chunked body on DELETE":         {call: "DELETE /api/todos/A", body: `{}`, chunked: true, status: 400, want: "no body"},
		"a body beyond the bound":          {call: "PATCH /api/todos/A", body: `{"title":"` + strings.Repeat("x", 2<<10) + `"}`, status: 429, want: "resource_exhausted"},
		"an unknown path":                  {call: "GET /api/todos/A/b", status: 404, want: "nothing at this path"},
		"a verb that isn't served":         {call: "PUT /api/todos/A", status: 405, want: "DELETE, GET, HEAD, PATCH"},
		"a stranger":                       {call: "GET /api/todos/A", stranger: true, status: 401, want: "who is it?"},
		"a stranger with a broken query":   {call: "GET /api/todos?access_token=good", stranger: true, status: 401, want: "who is it?"},
		"a stranger with a broken path":    {call: "GET /api/todos/%FF", stranger: true, status: 401, want: "who is it?"},
		"a stranger with a broken body":    {call: "PATCH /api/todos/A", body: "{", stranger: true, status: 401, want: "who is it?"},
		"a stranger with a body too many":  {call: "GET /api/todos/A", body: "{}", stranger: true, status: 401, want: "who is it?"},
		"a stranger who watches":           {call: "GET /api/todos:watch", stranger: true, status: 401, want: "who is it?"},
		"a stranger at an unknown path":    {call: "GET /api/none", stranger: true, status: 404, want: "nothing at this path"},
		"a path that a mux would redirect": {call: "GET /api//todos", status: 404, want: "nothing at this path"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verb, target, _ := strings.Cut(test.call, " ")
			var body io.Reader
			if test.body != "" {
				body = strings.NewReader(test.body)
			}
			r, err := http.NewRequestWithContext(t.Context(), verb, server.URL+target, body)
			if err != nil {
				t.Fatal(err)
			}
			if test.chunked {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			r.Header.Set("Authorization", "Bearer good")
			if test.stranger {
				r.Header.Set("Authorization", "Bearer bad")
			}
			res, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != test.status || !strings.Contains(string(answer), test.want) {
				t.Errorf("status %d, body %s, want %d with %s", res.StatusCode, answer, test.status, test.want)
			}
			if verb == http.MethodHead && len(answer) > 0 {
				t.Errorf("HEAD was answered with the body %s", answer)
			}
		})
	}
}

// TestRESTAnswersAsConnectDoes shows that nothing of an answer differs.
func TestRESTAnswersAsConnectDoes(t *testing.T) {
	t.Parallel()
	_, handler := todov1connect.NewTodoServiceHandler(echo{})
	answer := func(h http.Handler, verb, target, body string) (int, http.Header, any) {
		r := newRequest(t, verb, target, body)
		r.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var value any // protojson varies its white space.
		if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
			t.Fatalf("%s %s: %v", verb, target, err)
		}
		return w.Code, w.Header(), value
	}
	for _, id := range []string{"A", "none"} {
		status, header, value := answer(newTodos(t), http.MethodGet, "/api/todos/"+id, "")
		wantStatus, wantHeader, wantValue := answer(handler, http.MethodPost, todov1connect.TodoServiceGetTodoProcedure, `{"id":"`+id+`"}`)
		if status != wantStatus {
			t.Errorf("id %s: status %d, Connect's is %d", id, status, wantStatus)
		}
		if diff := cmp.Diff(wantHeader, header); diff != "" {
			t.Errorf("id %s: header (-Connect +REST):\n%s", id, diff)
		}
		if diff := cmp.Diff(wantValue, value); diff != "" {
			t.Errorf("id %s: body (-Connect +REST):\n%s", id, diff)
		}
	}
}
