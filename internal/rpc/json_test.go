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

// newJSONCodec returns the codec of JSON.
func newJSONCodec() jsonCodec { return jsonCodec{name: "json", writer: new(jsonWriter)} }

// TestEveryMessageIsWrittenAsProtojsonDoes is about messages with all of their
// fields and with none.
func TestEveryMessageIsWrittenAsProtojsonDoes(t *testing.T) {
	t.Parallel()
	codec := newJSONCodec()
	for _, empty := range append(writtenMessages(t), leftMessages(t)...) {
		for _, message := range append(filled(empty), empty) {
			checkJSON(t, codec, message)
		}
	}
}

// TestNoAnswerIsLeftToProtojson fails when the contract comes to have what
// jsonWriter doesn't write: it would be answered rightly, at ten times the
// cost.
func TestNoAnswerIsLeftToProtojson(t *testing.T) {
	t.Parallel()
	writer := new(jsonWriter)
	for _, empty := range writtenMessages(t) {
		for _, message := range append(filled(empty), empty) {
			if _, ok := writer.append(nil, message); !ok {
				t.Errorf("%s is left to protojson: %v", message.ProtoReflect().Descriptor().FullName(), message)
			}
		}
	}
	for _, message := range append(leftMessages(t), &todov1.Todo{Title: "\xff"}) {
		if written, ok := writer.append([]byte("before"), message); ok || string(written) != "before" {
			t.Errorf("%s is not left to protojson: %s", message.ProtoReflect().Descriptor().FullName(), written)
		}
	}
}

// FuzzWriteJSON holds the JSON of any message of the contract, and of one with
// all kinds of fields, against protojson's.
func FuzzWriteJSON(f *testing.F) {
	types := writtenMessages(f)
	for i, empty := range types {
		for _, message := range filled(empty) {
			encoded, err := proto.Marshal(message)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint(i), encoded)
		}
	}
	codec := newJSONCodec()
	f.Fuzz(func(t *testing.T, i uint, encoded []byte) {
		message := types[i%uint(len(types))].ProtoReflect().New().Interface()
		if proto.Unmarshal(encoded, message) == nil {
			checkJSON(t, codec, message)
		}
	})
}

// FuzzWriteTodos holds the JSON of todos with any text and time against
// protojson's, also those that can't be JSON.
func FuzzWriteTodos(f *testing.F) {
	var controls strings.Builder
	for c := rune(0); c <= 0x20; c++ {
		controls.WriteRune(c)
	}
	f.Add("i", "a \"quoted\" \\ title </script>", "é 😀 \u2028\u007f", true, true, int64(1795000000), int32(123456000))
	f.Add("", controls.String(), "", true, false, int64(0), int32(0))
	f.Add("i", "t", "", false, false, int64(-62135596800), int32(1_000_000))
	f.Add("i", "\xff", "\ufffd", true, false, int64(253402300799), int32(999_999_999))
	f.Add("i", "t", "d", true, false, int64(253402300800), int32(1))
	f.Add("i", "t", "d", true, false, int64(1), int32(120_000_000))
	f.Add("i", "t", "d", true, false, int64(1), int32(120_450))
	codec := newJSONCodec()
	f.Fuzz(func(t *testing.T, id, title, description string, hasDescription, isCompleted bool, seconds int64, nanos int32) {
		todo := &todov1.Todo{
			Id: id, Title: title, IsCompleted: isCompleted,
			CreatedAt: &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos},
			UpdatedAt: &timestamppb.Timestamp{Seconds: seconds},
		}
		if hasDescription {
			todo.Description = &description
		}
		checkJSON(t, codec, todo)
		checkJSON(t, codec, &todov1.ListTodosResponse{Todos: []*todov1.Todo{todo, todo}, NextPageToken: "dG9rZW4"})
	})
}

// checkJSON checks that a codec writes what protojson does, less its white
// space, behind what is there already.
func checkJSON(t *testing.T, codec jsonCodec, message proto.Message) {
	t.Helper()
	want, wantErr := viaProtoJSON(message)
	got, err := codec.encode([]byte("before"), message)
	if err == nil {
		got = bytes.TrimPrefix(got, []byte("before"))
	}
	if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
		t.Errorf("%s: %s, %v\nprotojson writes\n%s, %v", message.ProtoReflect().Descriptor().FullName(), got, err, want, wantErr)
	}
}

func BenchmarkJSON(b *testing.B) {
	codec := newJSONCodec()
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
				if buffer, err = codec.MarshalAppend(buffer[:0], page); err != nil {
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

// viaProtoJSON writes a message as protojson does, less its white space.
func viaProtoJSON(message proto.Message) ([]byte, error) {
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, spaced)
	return compact.Bytes(), err
}
