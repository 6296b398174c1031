package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

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
	draft := todo.Draft{Title: req.GetTitle(), Description: req.GetDescription()}
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

func (s *todoServer) UpdateTodo(ctx context.Context, req *todov1.UpdateTodoRequest) (*todov1.Todo, error) {
	owner, id, err := callerAndID(ctx, req)
	if err != nil {
		return nil, err
	}
	return result(s.todos.Update(ctx, owner, id, changeOf(req, versionOf(id, req.Etag))))
}

// changeOf returns the change in a request, of a todo that has a version.
func changeOf(req *todov1.UpdateTodoRequest, version todo.Version) todo.Change {
	return todo.Change{Title: req.Title, Description: req.Description, IsCompleted: req.IsCompleted, If: version}
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

// message converts a todo. The owner is not part of the message.
func message(t todo.Todo) *todov1.Todo { return new(messageParts).assemble(t) }

// messages converts a page's todos.
func messages(todos []todo.Todo) []*todov1.Todo {
	msgs, parts := make([]*todov1.Todo, len(todos)), make([]messageParts, len(todos))
	for i, t := range todos {
		msgs[i] = parts[i].assemble(t)
	}
	return msgs
}

// messageParts is a todo's message and what it points to. A page allocates one
// slice of them: for 20 todos that saves 79 allocations and 3 µs, 3 % of the call's
// CPU time.
type messageParts struct {
	todo                 todov1.Todo
	description, etag    string
	createdAt, updatedAt timestamppb.Timestamp
}

// deletionParts is what the message of a deleted todo has besides. It is allocated for
// deleted todos only.
type deletionParts struct {
	deletedAt, purgeTime timestamppb.Timestamp
	purged               bool
}

// assemble fills the message with a todo.
func (p *messageParts) assemble(t todo.Todo) *todov1.Todo {
	p.todo.Title, p.todo.IsCompleted = t.Title, t.IsCompleted
	p.setIDAndEtag(t)
	if t.Description != "" {
		p.description = t.Description
		p.todo.Description = &p.description
	}
	p.todo.CreatedAt = setTime(&p.createdAt, t.CreatedAt)
	p.todo.UpdatedAt = setTime(&p.updatedAt, t.UpdatedAt)
	if !t.DeletedAt.IsZero() {
		d := &deletionParts{purged: t.IsPurged}
		p.todo.DeletedAt = setTime(&d.deletedAt, t.DeletedAt)
		p.todo.PurgeTime = setTime(&d.purgeTime, t.PurgeAt)
		if t.IsPurged {
			p.todo.Purged = &d.purged
		}
	}
	return &p.todo
}

// setIDAndEtag makes both of one string, since each would be an allocation.
func (p *messageParts) setIDAndEtag(t todo.Todo) {
	var buffer [todo.IDLength + etagLength]byte
	both := t.ID.Append(buffer[:0])
	if t.Version.Valid {
		both = appendEtag(both, t.ID, t.Version)
	}
	text := string(both)
	p.todo.Id = text[:todo.IDLength]
	if t.Version.Valid {
		p.etag = text[todo.IDLength:]
		p.todo.Etag = &p.etag
	}
}

// textBytes returns how many bytes the texts of a todo's message have, each as a
// function says.
func textBytes(t *todov1.Todo, bytes func(string) int) int {
	return bytes(t.GetTitle()) + bytes(t.GetDescription())
}

// setTime sets a timestamp. A time outside of a timestamp's range becomes the
// nearest within it.
func setTime(ts *timestamppb.Timestamp, at time.Time) *timestamppb.Timestamp {
	if !todo.IsTime(at) {
		if at.Unix() < 0 {
			at = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
		} else {
			at = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
		}
	}
	ts.Seconds, ts.Nanos = at.Unix(), int32(at.Nanosecond()) //nolint:gosec // below a billion
	return ts
}
