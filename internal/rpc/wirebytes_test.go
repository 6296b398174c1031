package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// TestTheSizeOfAMessageOnTheWireIsThatOfItsJSON is about every answer, with all of
// its fields and long lists: what isn't counted would be held without a bound.
func TestTheSizeOfAMessageOnTheWireIsThatOfItsJSON(t *testing.T) {
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
		case isTodo && field.Kind() == protoreflect.StringKind && field.Name() != "id":
			message.Set(field, protoreflect.ValueOfString(text))
		}
		return true
	})
}
