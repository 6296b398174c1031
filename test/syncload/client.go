//go:build linux

package syncload

import (
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/test/stack"
)

// Client calls the service at one URL, over one protocol. Its unary calls end after
// [stack.Patience], and its streams whenever the service ends them.
type Client struct {
	todov1connect.TodoServiceClient
	streams todov1connect.TodoServiceClient
	url     string
	http    *http.Client // For streams.
}

// NewClient returns a client of the service at a URL without a path. Without an option it
// speaks Connect.
func NewClient(t *testing.T, url string, http2 bool, options ...connect.ClientOption) *Client {
	t.Helper()
	calls := stack.NewClient(t, http2)
	streams := &http.Client{Transport: calls.Transport}
	return &Client{
		TodoServiceClient: todov1connect.NewTodoServiceClient(calls, url, options...),
		streams:           todov1connect.NewTodoServiceClient(streams, url, options...),
		url:               url,
		http:              streams,
	}
}

// WatchTodos opens a stream.
func (c *Client) WatchTodos(ctx context.Context, req *todov1.WatchTodosRequest) (*connect.ServerStreamForClient[todov1.WatchTodosResponse], error) {
	return c.streams.WatchTodos(ctx, req) //nolint:wrapcheck // Callers look at Connect's error.
}

// As makes a call one of a user's.
func As(ctx context.Context, issuer *stack.Issuer, user string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", issuer.Bearer(user))
	return ctx
}
