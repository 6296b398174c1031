package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
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
		encoded, err := newJSONCodec().Marshal(message)
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

// TestEveryTextOfAResponseIsCounted is about every response, with all of its
// fields: a text that isn't counted would take memory without a bound.
func TestEveryTextOfAResponseIsCounted(t *testing.T) {
	t.Parallel()
	codec := newJSONCodec()
	for _, empty := range messagesOf(t, protoreflect.MethodDescriptor.Output) {
		for _, message := range append(filled(empty), empty) {
			for _, text := range []string{"", "short", strings.Repeat("a", 1000), strings.Repeat("\x01", smallTexts+1), strings.Repeat("😀", 2000)} {
				setTexts(message.ProtoReflect(), text)
				encoded, err := codec.Marshal(message)
				if err != nil {
					t.Fatal(err)
				}
				const others = 128 // Of the fields beside the todos.
				if got, size := wireBytes(message), len(encoded); got+others < size || got > size+size/2+2*todoBytes {
					t.Errorf("%s with %d bytes in each text: %d bytes are counted for %d",
						empty.ProtoReflect().Descriptor().FullName(), len(text), got, size)
				}
			}
		}
	}
}

// setTexts sets the texts of the todos in a message.
func setTexts(message protoreflect.Message, text string) {
	_, isTodo := message.Interface().(*todov1.Todo)
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsList():
			for i := range value.List().Len() {
				if field.Message() != nil {
					setTexts(value.List().Get(i).Message(), text)
				} else if isTodo && field.Kind() == protoreflect.StringKind {
					value.List().Set(i, protoreflect.ValueOfString(text))
				}
			}
		case field.Message() != nil:
			setTexts(value.Message(), text)
		case isTodo && field.Kind() == protoreflect.StringKind && field.Name() != "id" && field.Name() != "etag":
			message.Set(field, protoreflect.ValueOfString(text))
		}
		return true
	})
}
