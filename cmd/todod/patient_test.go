package main

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// patientClient calls again when the database had no connection free in time, as
// Retry-After tells clients to. On a busy machine that happens, and it is not what
// its tests are about. Such a call has had no effect.
type patientClient struct{ todov1connect.TodoServiceClient }

var _ todov1connect.TodoServiceClient = patientClient{}

func (c patientClient) CreateTodo(ctx context.Context, req *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	return patiently(ctx, req, c.TodoServiceClient.CreateTodo)
}

func (c patientClient) GetTodo(ctx context.Context, req *todov1.GetTodoRequest) (*todov1.Todo, error) {
	return patiently(ctx, req, c.TodoServiceClient.GetTodo)
}

func (c patientClient) ListTodos(ctx context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	return patiently(ctx, req, c.TodoServiceClient.ListTodos)
}

func (c patientClient) UpdateTodo(ctx context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	return patiently(ctx, req, c.TodoServiceClient.UpdateTodo)
}

func (c patientClient) DeleteTodo(ctx context.Context, req *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	return patiently(ctx, req, c.TodoServiceClient.DeleteTodo)
}

// patiently makes a call until it is answered by something else than that the
// database is busy, or patience is over.
func patiently[Req, Res any](ctx context.Context, req *Req, call func(context.Context, *Req) (*Res, error)) (*Res, error) {
	for until := time.Now().Add(patience); ; {
		res, err := call(ctx, req)
		busy := connect.CodeOf(err) == connect.CodeUnavailable && strings.Contains(err.Error(), "the database is unavailable")
		if !busy || time.Now().After(until) {
			return res, err
		}
	}
}
