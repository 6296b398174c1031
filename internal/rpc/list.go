package rpc

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

func (s *todoServer) ListTodos(ctx context.Context, req *todov1.ListTodosRequest) (*todov1.ListTodosResponse, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	query, err := s.queryOf(req)
	if err != nil {
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

// queryOf returns the query in a request. It fails with errPageToken, and with a
// [todo.FieldError] for an unknown time zone.
func (s *todoServer) queryOf(req *todov1.ListTodosRequest) (todo.Query, error) {
	zone, err := s.todos.Zone(req.GetTimeZone())
	if err != nil {
		return todo.Query{}, err
	}
	query := todo.Query{
		IsCompleted: req.IsCompleted,
		InTrash:     req.GetDeleted(),
		Filter:      filterOf(req),
		Order:       orderOf(req.GetOrderBy()),
		Zone:        zone,
		Size:        int(req.GetPageSize()),
	}
	query.After, err = decodePageToken(query, req.GetPageToken())
	return query, err
}

// filterOf returns the filter in a request. Requests for the same todos have the same
// filter, so that a page token of one is good for the other.
func filterOf(req *todov1.ListTodosRequest) todo.Filter {
	filter := todo.Filter{
		Words:     todo.SearchWords(req.GetSearch()),
		AllTags:   todo.FoldTags(req.GetAllTags()),
		AnyTags:   todo.FoldTags(req.GetAnyTags()),
		DueFrom:   req.GetDueFrom(),
		DueTo:     req.GetDueTo(),
		NoDueDate: req.GetNoDueDate(),
	}
	if req.UpdatedSince != nil {
		// Binary messages may have any time. No todo was changed before the first, or after
		// the last, that the API has.
		filter.UpdatedSince = setTime(new(timestamppb.Timestamp), req.GetUpdatedSince().AsTime()).AsTime()
	}
	for _, priority := range req.GetPriorities() {
		filter.Priorities = append(filter.Priorities, todo.Priority(priority))
	}
	slices.Sort(filter.Priorities)
	filter.Priorities = slices.Compact(filter.Priorities)
	return filter
}

// orderOf returns the order that a request names, one of the contract's.
func orderOf(name string) todo.Order {
	switch name {
	case "due":
		return todo.ByDue
	case "priority":
		return todo.ByPriority
	case "position":
		return todo.ByPosition
	case "updated":
		return todo.ByUpdate
	default: // created, or none.
		return todo.ByCreation
	}
}
