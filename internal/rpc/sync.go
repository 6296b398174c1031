package rpc

import (
	"context"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

func (s *todoServer) SyncTodos(ctx context.Context, req *todov1.SyncTodosRequest) (*todov1.SyncTodosResponse, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	after, err := decodeSyncToken(req.GetSyncToken())
	if err != nil {
		return nil, err
	}
	var changes todo.Changes
	if wait := time.Duration(req.GetWaitSeconds()) * time.Second; wait > 0 {
		changes, err = s.waitForChanges(ctx, owner, after, int(req.GetPageSize()), wait)
	} else {
		changes, err = s.todos.Changes(ctx, owner, after, int(req.GetPageSize()))
	}
	if err != nil {
		return nil, err
	}
	return &todov1.SyncTodosResponse{
		Todos:         messages(changes.Todos),
		NextSyncToken: encodeSyncToken(changes.Next),
		HasMore:       changes.HasMore,
		Reset_:        changes.IsReset,
	}, nil
}

// waitForChanges returns a page of changes. When there are none yet, it waits for one, for
// a time, or until the server drains. A client without a copy does not wait: that there are
// no todos is news to it.
func (s *todoServer) waitForChanges(
	ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int, wait time.Duration,
) (todo.Changes, error) {
	feed, err := s.watches.Open(owner, after, size, s.todos.Changes)
	if err != nil {
		return todo.Changes{}, err
	}
	defer feed.Close()
	ctx, wait, cancel := server.WithWait(ctx, wait)
	defer cancel()
	changes, err := feed.First(ctx)
	if err != nil || after == nil || len(changes.Todos) > 0 || changes.IsReset {
		return changes, err
	}
	return feed.Wait(ctx, wait, server.Ending(ctx))
}

// WatchTodos sends a message for each page of changes. The server ends the stream, by its
// context.
func (s *todoServer) WatchTodos(
	ctx context.Context, req *todov1.WatchTodosRequest, stream *connect.ServerStream[todov1.WatchTodosResponse],
) error {
	owner, err := caller(ctx)
	if err != nil {
		return err
	}
	after, err := decodeSyncToken(req.GetSyncToken())
	if err != nil {
		return err
	}
	feed, err := s.watches.Open(owner, after, todo.DefaultPageSize, s.todos.Changes)
	if err != nil {
		return err
	}
	defer feed.Close()
	for changes, err := feed.First(ctx); ; changes, err = feed.Next(ctx) {
		if err != nil {
			return err
		}
		if err := stream.Send(&todov1.WatchTodosResponse{
			Todos:         messages(changes.Todos),
			NextSyncToken: encodeSyncToken(changes.Next),
			HasMore:       changes.HasMore,
			Reset_:        changes.IsReset,
		}); err != nil {
			return err
		}
		if len(changes.Todos) == 0 {
			continue
		}
		if err := server.WaitForPage(ctx); err != nil {
			return err
		}
	}
}
