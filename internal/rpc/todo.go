package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// todoServer implements the RPCs: it converts the request, calls the domain and
// converts the result. Requests have been validated by the contract's rules.
type todoServer struct {
	todos   *todo.Service
	watches *watch.Hub
}

var _ todov1connect.TodoServiceHandler = (*todoServer)(nil)

func (s *todoServer) CreateTodo(ctx context.Context, req *todov1.CreateTodoRequest) (*todov1.Todo, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	draft, err := draftOf(req)
	if err != nil {
		return nil, err
	}
	return result(s.todos.Create(ctx, owner, draft))
}

// draftOf returns the draft in a request.
func draftOf(req *todov1.CreateTodoRequest) (todo.Draft, error) {
	draft := todo.Draft{
		Title: req.GetTitle(), Description: req.GetDescription(),
		Due:      todo.Due{Date: req.GetDueDate(), Time: req.GetDueTime(), Zone: req.GetDueTimeZone()},
		Priority: todo.Priority(req.GetPriority()), Tags: todo.NewTags(req.GetTags()), Position: req.GetPosition(),
	}
	if req.Id != nil {
		id, err := todo.ParseID(req.GetId())
		if err != nil {
			return todo.Draft{}, err
		}
		draft.ID = &id
	}
	return draft, nil
}

func (s *todoServer) GetTodo(ctx context.Context, req *todov1.GetTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return result(s.todos.Get(ctx, owner, id))
}

func (s *todoServer) ListTodos(ctx context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	query := todo.Query{IsCompleted: req.IsCompleted, InTrash: req.GetDeleted(), Size: int(req.GetPageSize())}
	if query.After, err = decodePageToken(query, req.GetPageToken()); err != nil {
		return nil, err
	}
	page, err := s.todos.List(ctx, owner, query)
	if err != nil {
		return nil, err
	}
	return &todov1.ListTodosResponse{
		Todos:         messages(page.Todos),
		NextPageToken: encodePageToken(query, page.Next),
	}, nil
}

func (s *todoServer) UpdateTodo(ctx context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return result(s.todos.Update(ctx, owner, id, changeOf(req, versionOf(id, req.Etag))))
}

// changeOf returns the change in a request, of a todo that has a version.
func changeOf(req *todov1.UpdateTodoRequest, version todo.Version) todo.Change {
	change := todo.Change{
		Title: req.Title, Description: req.Description, IsCompleted: req.IsCompleted,
		Due:      todo.DueChange{Date: req.DueDate, Time: req.DueTime, Zone: req.DueTimeZone},
		Tags:     todo.TagsChange{Add: todo.NewTags(req.GetAddTags()), Remove: todo.NewTags(req.GetRemoveTags())},
		Position: req.Position, If: version,
	}
	if req.Priority != nil {
		change.Priority = new(todo.Priority(req.GetPriority()))
	}
	if req.Tags != nil {
		change.Tags.Replace = new(todo.NewTags(req.GetTags().GetValues()))
	}
	return change
}

func (s *todoServer) DeleteTodo(ctx context.Context, req *todov1.DeleteTodoRequest) (*emptypb.Empty, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.todos.Delete(ctx, owner, id, deletionOf(req, versionOf(id, req.Etag))); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// deletionOf returns the deletion in a request, of a todo that has a version.
func deletionOf(req *todov1.DeleteTodoRequest, version todo.Version) todo.Deletion {
	return todo.Deletion{If: version, Permanently: req.GetPermanently()}
}

func (s *todoServer) UndeleteTodo(ctx context.Context, req *todov1.UndeleteTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return result(s.todos.Undelete(ctx, owner, id, versionOf(id, req.Etag)))
}

func (s *todoServer) EmptyTrash(ctx context.Context, _ *todov1.EmptyTrashRequest) (*emptypb.Empty, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.todos.EmptyTrash(ctx, owner); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// callerAndID returns the caller and the ID in the request.
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

// result converts what the domain returned.
func result(t todo.Todo, err error) (*todov1.Todo, error) {
	if err != nil {
		return nil, err
	}
	return message(t), nil
}
