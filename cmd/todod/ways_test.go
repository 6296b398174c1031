package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// ways names the five ways to call the service.
func ways() []string {
	return []string{"Connect JSON", "Connect binary", "gRPC", "gRPC-Web", "REST"}
}

// eachWay runs a test once for each way to call.
func eachWay(t *testing.T, test func(t *testing.T, way string)) {
	t.Helper()
	// In a group, so that what the caller checks afterwards comes afterwards.
	t.Run("each way", func(t *testing.T) {
		for _, way := range ways() {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				test(t, way)
			})
		}
	})
}

// client returns a client for one way to call, with a token for each request,
// none when it is empty, and what it heard last.
func (s *service) client(t *testing.T, way, token string) (todov1connect.TodoServiceClient, *ear) {
	t.Helper()
	protocols := new(http.Protocols)
	if way == "gRPC" {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	ear := &ear{next: transport, token: token}
	httpClient := &http.Client{Transport: ear}
	switch way {
	case "Connect JSON":
		return todov1connect.NewTodoServiceClient(httpClient, s.url, connect.WithProtoJSON()), ear
	case "Connect binary":
		return todov1connect.NewTodoServiceClient(httpClient, s.url), ear
	case "gRPC":
		return todov1connect.NewTodoServiceClient(httpClient, s.url, connect.WithGRPC()), ear
	case "gRPC-Web":
		return todov1connect.NewTodoServiceClient(httpClient, s.url, connect.WithGRPCWeb()), ear
	case "REST":
		return &restClient{http: httpClient, url: s.url}, ear
	}
	t.Fatalf("no such way to call: %s", way)
	return nil, nil
}

// ear puts the token into requests and keeps the last answer as it came.
type ear struct {
	next  http.RoundTripper
	token string
	edit  func(*http.Request) // Changes requests once they are complete; may be nil.
	heard []byte
}

// RoundTrip implements [http.RoundTripper].
func (e *ear) RoundTrip(req *http.Request) (*http.Response, error) {
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	if e.edit != nil {
		e.edit(req)
	}
	res, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var heard bytes.Buffer
	header := res.Header.Clone()
	header.Del("Date")
	header.Del("X-Request-Id")
	heard.WriteString(res.Status + "\n")
	_ = header.Write(&heard)
	heard.Write(body)
	_ = res.Trailer.Write(&heard)
	e.heard = heard.Bytes()
	return res, nil
}

// restClient calls the REST interface as a TodoServiceClient.
type restClient struct {
	http *http.Client
	url  string
}

var _ todov1connect.TodoServiceClient = (*restClient)(nil)

func (c *restClient) CreateTodo(ctx context.Context, req *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	res := new(todov1.Todo)
	return res, c.call(ctx, http.MethodPost, "/api/todos", req, res)
}

func (c *restClient) GetTodo(ctx context.Context, req *todov1.GetTodoRequest) (*todov1.Todo, error) {
	res := new(todov1.Todo)
	return res, c.call(ctx, http.MethodGet, "/api/todos/"+url.PathEscape(req.GetId()), nil, res)
}

func (c *restClient) ListTodos(ctx context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	query := make(url.Values)
	if req.GetPageSize() != 0 {
		query.Set("pageSize", strconv.Itoa(int(req.GetPageSize())))
	}
	if req.GetPageToken() != "" {
		query.Set("pageToken", req.GetPageToken())
	}
	if req.IsCompleted != nil {
		query.Set("isCompleted", strconv.FormatBool(req.GetIsCompleted()))
	}
	res := new(todov1.ListTodosResponse)
	return res, c.call(ctx, http.MethodGet, "/api/todos?"+query.Encode(), nil, res)
}

func (c *restClient) UpdateTodo(ctx context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	body := proto.CloneOf(req)
	body.Id = "" // It goes into the path.
	res := new(todov1.Todo)
	return res, c.call(ctx, http.MethodPatch, "/api/todos/"+url.PathEscape(req.GetId()), body, res)
}

func (c *restClient) DeleteTodo(ctx context.Context, req *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	res := new(emptypb.Empty)
	return res, c.call(ctx, http.MethodDelete, "/api/todos/"+url.PathEscape(req.GetId()), nil, res)
}

func (c *restClient) call(ctx context.Context, method, path string, body, answer proto.Message) error {
	var content io.Reader
	if body != nil {
		encoded, err := protojson.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	received, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return restError(received)
	}
	return protojson.Unmarshal(received, answer)
}

func restError(body []byte) error {
	var wire struct {
		Code    connect.Code
		Message string
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return err
	}
	return connect.NewError(wire.Code, errors.New(wire.Message))
}
