package rpc

import (
	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

const (
	// todoBytes is the size of a todo on the wire without its texts.
	todoBytes = 256
	// dueBytes is what a todo that is due has besides.
	dueBytes = 48
	// stateBytes is what a todo with a priority, or a time of completion, has besides.
	stateBytes = 80
	// deletionBytes is what a deleted todo has besides.
	deletionBytes = 128
	// resultBytes is the size of a result of ApplyTodos without its todo and message.
	resultBytes = 64
	// smallTexts is the size up to which the bytes that JSON adds to texts are not
	// counted: the response takes less memory than its request does.
	smallTexts = 4 << 10
)

// wireBytes estimates the greatest size of a message on the wire, which is that of
// its JSON. It names the fields of todos: to follow the descriptor takes 10 % of a
// list of 20, without the database and the connection.
func wireBytes(message proto.Message) int {
	switch message := message.(type) {
	case *todov1.Todo:
		return todosWireBytes(message)
	case *todov1.ApplyTodosResponse:
		return applyWireBytes(message)
	case interface{ GetTodos() []*todov1.Todo }:
		return todosWireBytes(message.GetTodos()...)
	}
	return proto.Size(message)
}

// applyWireBytes counts the todos, and the messages of refusals.
func applyWireBytes(message *todov1.ApplyTodosResponse) (size int) {
	for _, result := range message.GetResults() {
		if result.Todo != nil {
			size += todosWireBytes(result.GetTodo())
		}
		size += resultBytes + todo.WireBytes(result.GetMessage())
	}
	return size
}

func todosWireBytes(todos ...*todov1.Todo) int {
	texts, others := 0, todoBytes*len(todos)
	for _, t := range todos {
		texts += textBytes(t, func(text string) int { return len(text) })
		if t.GetDeletedAt() != nil {
			others += deletionBytes
		}
		if t.DueDate != nil {
			others += dueBytes
		}
		if t.CompletedAt != nil || t.Priority != nil {
			others += stateBytes
		}
	}
	if texts > smallTexts {
		texts = 0
		for _, t := range todos {
			texts += textBytes(t, todo.WireBytes)
		}
	}
	return texts + others
}
