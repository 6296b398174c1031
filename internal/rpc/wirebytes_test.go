package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

func TestTheSizeOfAMessageOnTheWireIsThatOfItsJSON(t *testing.T) {
	t.Parallel()
	page := func(n int, text string) *todov1.ListTodosResponse {
		todos := make([]todo.Todo, n)
		for i := range todos {
			todos[i] = todo.Todo{Title: "t", Description: text}
		}
		return &todov1.ListTodosResponse{Todos: messages(todos)}
	}
	for name, message := range map[string]proto.Message{
		"a small todo":       page(1, "small").GetTodos()[0],
		"a large todo":       page(1, strings.Repeat("😀", 2000)).GetTodos()[0],
		"20 small todos":     page(20, "small"),
		"200 todos":          page(200, strings.Repeat("a", 1000)),
		"control characters": page(20, strings.Repeat("\x01", 2000)),
	} {
		encoded, err := jsonCodec{}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if got, size := wireBytes(message), len(encoded); got < size || got > size+size/2+todoBytes {
			t.Errorf("%s: %d bytes are counted for %d of JSON", name, got, size)
		}
	}
	if got := wireBytes(new(emptypb.Empty)); got != 0 {
		t.Errorf("an empty message: %d", got)
	}
}
