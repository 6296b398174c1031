package main

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

func TestPagesOfLongTodosEndEarlyAndLeaveNoneOut(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const count = 60
	long := proto.String(strings.Repeat("😀", 2000)) // 8,000 bytes.
	writer, _ := s.client(t, "Connect binary", s.issuer.Token("u"))
	var created []string // Newest first, as they are listed.
	for range count {
		made, err := writer.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a", Description: long})
		if err != nil {
			t.Fatal(err)
		}
		created = slices.Insert(created, 0, made.GetId())
	}
	eachWay(t, func(t *testing.T, way string) {
		reader, _ := s.client(t, way, s.issuer.Token("u"))
		var ids []string
		pages := 0
		for req := (&todov1.ListTodosRequest{PageSize: 200}); pages == 0 || req.GetPageToken() != ""; pages++ {
			page, err := reader.ListTodos(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, listed := range page.GetTodos() {
				ids = append(ids, listed.GetId())
				size += len(listed.GetDescription())
			}
			if size == 0 || size > todo.MaxPageBytes {
				t.Errorf("page %d has %d bytes of text, want 1 to %d", pages+1, size, todo.MaxPageBytes)
			}
			req.PageToken = page.GetNextPageToken()
		}
		if pages != 2 || !slices.Equal(ids, created) {
			t.Errorf("%d pages have %d todos, want the %d that were made in 2 pages, newest first", pages, len(ids), count)
		}
	})
}
