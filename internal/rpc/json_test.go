package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// FuzzAppendAnswer holds the JSON of todos against protojson's.
func FuzzAppendAnswer(f *testing.F) {
	var controls strings.Builder
	for c := rune(0); c <= 0x20; c++ {
		controls.WriteRune(c)
	}
	f.Add("i", "a \"quoted\" \\ title </script>", "é 😀 \u2028\u007f", true, true, int64(1795000000), int32(123456000))
	f.Add("", controls.String(), "", true, false, int64(0), int32(0))
	f.Add("i", "t", "", false, false, int64(-62135596800), int32(1_000_000))
	f.Add("i", "\xff", "\ufffd", true, false, int64(253402300799), int32(999_999_999))
	f.Add("i", "t", "d", true, false, int64(253402300800), int32(1))
	f.Fuzz(func(t *testing.T, id, title, description string, hasDescription, isCompleted bool, seconds int64, nanos int32) {
		todo := &todov1.Todo{
			Id: id, Title: title, IsCompleted: isCompleted,
			CreatedAt: &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos},
			UpdatedAt: &timestamppb.Timestamp{Seconds: seconds},
		}
		if hasDescription {
			todo.Description = &description
		}
		for _, message := range []proto.Message{
			todo,
			&todov1.ListTodosResponse{Todos: []*todov1.Todo{todo, todo}, NextPageToken: "dG9rZW4"},
		} {
			want, wantErr := viaProtoJSON(message)
			got, err := encodeJSON(nil, message)
			if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
				t.Errorf("%s, %v\nprotojson writes\n%s, %v", got, err, want, wantErr)
			}
		}
	})
}

// TestEveryFieldOfAnAnswerIsWritten fails when the contract has a field that
// appendAnswer does not know.
func TestEveryFieldOfAnAnswerIsWritten(t *testing.T) {
	t.Parallel()
	description := "d"
	todo := &todov1.Todo{
		Id: "i", Title: "t", Description: &description, IsCompleted: true,
		CreatedAt: &timestamppb.Timestamp{Seconds: 1}, UpdatedAt: &timestamppb.Timestamp{Seconds: 2},
	}
	for _, message := range []proto.Message{
		todo,
		&todov1.ListTodosResponse{Todos: []*todov1.Todo{todo}, NextPageToken: "n"},
	} {
		reflected := message.ProtoReflect()
		fields := reflected.Descriptor().Fields()
		for i := range fields.Len() {
			if !reflected.Has(fields.Get(i)) {
				t.Errorf("this test leaves %s empty", fields.Get(i).FullName())
			}
		}
		written, ok := appendAnswer(nil, message)
		var members map[string]any
		if err := json.Unmarshal(written, &members); err != nil || !ok {
			t.Fatal(err, ok)
		}
		for i := range fields.Len() {
			if _, ok := members[fields.Get(i).JSONName()]; !ok {
				t.Errorf("%s is not written", fields.Get(i).FullName())
			}
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	description := "2 litres, and look whether there is bread"
	todo := &todov1.Todo{
		Id: "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53", Title: "Buy milk", Description: &description,
		CreatedAt: timestamppb.Now(), UpdatedAt: timestamppb.Now(),
	}
	for _, size := range []int{1, 20, 200} {
		page := &todov1.ListTodosResponse{NextPageToken: "dG9rZW4"}
		for range size {
			page.Todos = append(page.Todos, todo)
		}
		b.Run(fmt.Sprintf("page of %d", size), func(b *testing.B) {
			b.ReportAllocs()
			var buffer []byte
			for b.Loop() {
				var err error
				if buffer, err = (jsonCodec{}).MarshalAppend(buffer[:0], page); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("page of %d by protojson", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := viaProtoJSON(page); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// viaProtoJSON writes a message as the codec does those that appendAnswer
// leaves to it.
func viaProtoJSON(message proto.Message) ([]byte, error) {
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, spaced)
	return compact.Bytes(), err
}
