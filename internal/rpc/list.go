package rpc

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/server"
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
	if !query.IsPlain() {
		if err := server.Charge(ctx, findCalls); err != nil {
			return nil, err
		}
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

// findCalls is how many calls a page counts as for which all of the owner's todos are read:
// with 100 of them it costs three times what others do, and it grows with their number.
const findCalls = 5

// queryOf returns the query in a request. It fails with errPageToken, and with a
// [todo.FieldError].
func (s *todoServer) queryOf(req *todov1.ListTodosRequest) (todo.Query, error) {
	zone, err := s.todos.Zone(req.GetTimeZone())
	if err != nil {
		return todo.Query{}, err
	}
	filter, err := filterOf(req)
	if err != nil {
		return todo.Query{}, err
	}
	query := todo.Query{
		IsCompleted: req.IsCompleted,
		InTrash:     req.GetDeleted(),
		Filter:      filter,
		Order:       orderOf(req.GetOrderBy()),
		Zone:        zone,
		Size:        int(req.GetPageSize()),
	}
	query.After, err = decodePageToken(query, req.GetPageToken())
	return query, err
}

// filterOf returns the filter in a request. Requests whose words, tags and priorities differ
// in case, order or repetition alone have the same filter, so that a page token of one is
// good for the other. It fails with a [todo.FieldError].
func filterOf(req *todov1.ListTodosRequest) (todo.Filter, error) {
	words := todo.SearchWords(req.GetSearch())
	if len(words) > todo.MaxSearchWords {
		return todo.Filter{}, todo.TooManyWords()
	}
	filter := todo.Filter{
		Words:     words,
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
	return filter, nil
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
