package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/todo"
)

// todoServer answers the RPCs: it takes the caller, converts, calls, converts
// back. Requests have passed the contract's rules.
type todoServer struct{ todos *todo.Service }

var _ todov1connect.TodoServiceHandler = (*todoServer)(nil)

func (s *todoServer) CreateTodo(ctx context.Context, req *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	draft := todo.Draft{Title: req.GetTitle(), Description: req.GetDescription()}
	if req.Id != nil {
		id, err := todo.ParseID(req.GetId())
		if err != nil {
			return nil, err
		}
		draft.ID = &id
	}
	return answer(s.todos.Create(ctx, owner, draft))
}

func (s *todoServer) GetTodo(ctx context.Context, req *todov1.GetTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return answer(s.todos.Get(ctx, owner, id))
}

func (s *todoServer) ListTodos(ctx context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	after, err := decodePageToken(req.IsCompleted, req.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, err := s.todos.List(ctx, owner, todo.Query{
		IsCompleted: req.IsCompleted,
		After:       after,
		Size:        int(req.GetPageSize()),
	})
	if err != nil {
		return nil, err
	}
	res := &todov1.ListTodosResponse{
		Todos:         make([]*todov1.Todo, len(page.Todos)),
		NextPageToken: encodePageToken(req.IsCompleted, page.Next),
	}
	for i, t := range page.Todos {
		res.Todos[i] = message(t)
	}
	return res, nil
}

func (s *todoServer) UpdateTodo(ctx context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return answer(s.todos.Update(ctx, owner, id, todo.Change{
		Title:       req.Title,
		Description: req.Description,
		IsCompleted: req.IsCompleted,
	}))
}

func (s *todoServer) DeleteTodo(ctx context.Context, req *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.todos.Delete(ctx, owner, id); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// callerAndID returns who calls and which todo the request names.
func callerAndID(ctx context.Context, req interface{ GetId() string }) (todo.UserID, todo.ID, error) {
	owner, err := caller(ctx)
	if err != nil {
		return todo.UserID{}, todo.ID{}, err
	}
	id, err := todo.ParseID(req.GetId())
	if err != nil {
		return todo.UserID{}, todo.ID{}, err
	}
	return owner, id, nil
}

// answer is the message of what the domain returned, or its error.
func answer(t todo.Todo, err error) (*todov1.Todo, error) {
	if err != nil {
		return nil, err
	}
	return message(t), nil
}

// message converts a todo. Its owner stays behind.
func message(t todo.Todo) *todov1.Todo {
	msg := &todov1.Todo{
		Id:          t.ID.String(),
		Title:       t.Title,
		IsCompleted: t.IsCompleted,
		CreatedAt:   timestamppb.New(t.CreatedAt),
		UpdatedAt:   timestamppb.New(t.UpdatedAt),
	}
	if t.Description != "" {
		msg.Description = &t.Description
	}
	return msg
}
