package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// TestTheSizeOfAMessageOnTheWireIsThatOfItsJSON is about every type of message,
// with all of its fields: one that is not counted is held without a bound.
func TestTheSizeOfAMessageOnTheWireIsThatOfItsJSON(t *testing.T) {
	t.Parallel()
	writer := new(jsonWriter)
	for _, empty := range writtenMessages(t) {
		for _, message := range append(filled(empty), empty) {
			for _, text := range []string{"", "short", strings.Repeat("a", 1000), strings.Repeat("\x01", smallTexts+1), strings.Repeat("😀", 2000)} {
				setTexts(message.ProtoReflect(), text)
				encoded, ok := writer.append(nil, message)
				if !ok {
					t.Fatalf("%v is not written", message)
				}
				got, size := writer.wireBytes(message), len(encoded)
				if got < size || got > 3*size+1024 {
					t.Errorf("%s with %d bytes in each text: %d bytes are counted for %d", empty.ProtoReflect().Descriptor().FullName(), len(text), got, size)
				}
			}
		}
	}
	// What is left to protojson is rarely much longer than it is in binary.
	left := durationpb.New(1)
	if got := writer.wireBytes(left); got != proto.Size(left) {
		t.Errorf("a message that is left to protojson: %d", got)
	}
}

// setTexts sets all texts in a message that are set already.
func setTexts(message protoreflect.Message, text string) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsList():
			for i := range value.List().Len() {
				if field.Kind() == protoreflect.StringKind {
					value.List().Set(i, protoreflect.ValueOfString(text))
				} else if field.Message() != nil {
					setTexts(value.List().Get(i).Message(), text)
				}
			}
		case field.Kind() == protoreflect.StringKind:
			message.Set(field, protoreflect.ValueOfString(text))
		case field.Message() != nil:
			setTexts(value.Message(), text)
		}
		return true
	})
}

func BenchmarkWireBytes(b *testing.B) {
	description := "The tomatoes twice, the rosemary hardly at all"
	page := &todov1.ListTodosResponse{NextPageToken: strings.Repeat("t", 40)}
	for range 20 {
		page.Todos = append(page.Todos, &todov1.Todo{Id: strings.Repeat("0", 36), Title: "Water the plants on the balcony", Description: &description})
	}
	writer := new(jsonWriter)
	b.ReportAllocs()
	for b.Loop() {
		writer.wireBytes(page)
	}
}
