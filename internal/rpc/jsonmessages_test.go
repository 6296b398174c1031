package rpc

import (
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// kindsFile is a file with all that a message of a contract may have: Plain has
// what jsonWriter writes itself, and each of the others one thing that it
// leaves to protojson.
const kindsFile = `
	name: "kinds.proto" package: "kinds" syntax: "proto3"
	dependency: "google/protobuf/empty.proto"
	dependency: "google/protobuf/struct.proto"
	enum_type { name: "Color"
		value { name: "COLOR_UNSPECIFIED" number: 0 } value { name: "COLOR_RED" number: 1 } value { name: "COLOR_LOW" number: -7 } }
	message_type { name: "Plain"
		oneof_decl { name: "choice" } oneof_decl { name: "_maybe" } oneof_decl { name: "_maybe_color" } oneof_decl { name: "_maybe_number" }
		field { name: "a_text"        number: 9  label: LABEL_OPTIONAL type: TYPE_STRING }
		field { name: "a_bool"        number: 1  label: LABEL_OPTIONAL type: TYPE_BOOL }
		field { name: "an_int32"      number: 2  label: LABEL_OPTIONAL type: TYPE_INT32 }
		field { name: "a_sint32"      number: 3  label: LABEL_OPTIONAL type: TYPE_SINT32 }
		field { name: "a_sfixed32"    number: 4  label: LABEL_OPTIONAL type: TYPE_SFIXED32 }
		field { name: "a_uint32"      number: 5  label: LABEL_OPTIONAL type: TYPE_UINT32 }
		field { name: "a_fixed32"     number: 6  label: LABEL_OPTIONAL type: TYPE_FIXED32 }
		field { name: "an_int64"      number: 7  label: LABEL_OPTIONAL type: TYPE_INT64 }
		field { name: "a_sint64"      number: 8  label: LABEL_OPTIONAL type: TYPE_SINT64 }
		field { name: "a_sfixed64"    number: 10 label: LABEL_OPTIONAL type: TYPE_SFIXED64 }
		field { name: "a_uint64"      number: 11 label: LABEL_OPTIONAL type: TYPE_UINT64 }
		field { name: "a_fixed64"     number: 12 label: LABEL_OPTIONAL type: TYPE_FIXED64 }
		field { name: "a_color"       number: 13 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".kinds.Color" }
		field { name: "maybe"         number: 14 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 1 proto3_optional: true }
		field { name: "maybe_color"   number: 15 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".kinds.Color" oneof_index: 2 proto3_optional: true }
		field { name: "maybe_number"  number: 16 label: LABEL_OPTIONAL type: TYPE_INT64 oneof_index: 3 proto3_optional: true }
		field { name: "nested"        number: 17 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".kinds.Plain" }
		field { name: "texts"         number: 18 label: LABEL_REPEATED type: TYPE_STRING }
		field { name: "colors"        number: 19 label: LABEL_REPEATED type: TYPE_ENUM type_name: ".kinds.Color" }
		field { name: "numbers"       number: 20 label: LABEL_REPEATED type: TYPE_UINT64 }
		field { name: "all_nested"    number: 21 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".kinds.Plain" }
		field { name: "empty"         number: 22 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Empty" }
		field { name: "one"           number: 23 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
		field { name: "other"         number: 24 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".kinds.Plain" oneof_index: 0 }
		field { name: "named"         number: 25 label: LABEL_OPTIONAL type: TYPE_BOOL json_name: "a \"name\" \\" }
	}
	message_type { name: "Float"  field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_FLOAT } }
	message_type { name: "Double" field { name: "f" number: 1 label: LABEL_REPEATED type: TYPE_DOUBLE } }
	message_type { name: "Bytes"  field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_BYTES } }
	message_type { name: "Null"   field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".google.protobuf.NullValue" } }
	message_type { name: "Struct" field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" } }
	message_type { name: "Map"    field { name: "f" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".kinds.Map.FEntry" }
		nested_type { name: "FEntry" options { map_entry: true }
			field { name: "key"   number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
			field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_BOOL } } }
	message_type { name: "Deep"   field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".kinds.Map" }
		field { name: "again" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".kinds.Deep" } }`

// oldKindsFile has what only the syntax before proto3 has, and is left to
// protojson.
const oldKindsFile = `
	name: "oldkinds.proto" package: "kinds" syntax: "proto2"
	message_type { name: "Required" field { name: "f" number: 1 label: LABEL_REQUIRED type: TYPE_BOOL } }
	message_type { name: "Group"    field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_GROUP type_name: ".kinds.Group.F" }
		nested_type { name: "F" } }
	message_type { name: "Extended" field { name: "f" number: 1 label: LABEL_OPTIONAL type: TYPE_BOOL } extension_range { start: 9 end: 10 } }`

// kinds returns the messages of kindsFile and oldKindsFile: Plain, and then the
// others.
func kinds(tb testing.TB) (plain proto.Message, others []proto.Message) {
	tb.Helper()
	for _, text := range []string{kindsFile, oldKindsFile} {
		file := new(descriptorpb.FileDescriptorProto)
		if err := prototext.Unmarshal([]byte(text), file); err != nil {
			tb.Fatal(err)
		}
		descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
		if err != nil {
			tb.Fatal(err)
		}
		for i := range descriptor.Messages().Len() {
			others = append(others, dynamicpb.NewMessage(descriptor.Messages().Get(i)))
		}
	}
	return others[0], others[1:]
}

// writtenMessages returns an empty message of each type that jsonWriter has to
// write itself: those of the contract, and types of other services that have
// what the contract may come to have.
func writtenMessages(tb testing.TB) []proto.Message {
	tb.Helper()
	plain, _ := kinds(tb)
	messages := []proto.Message{plain, new(emptypb.Empty), new(annotations.HttpRule)}
	return append(messages, append(messagesOf(tb, protoreflect.MethodDescriptor.Input), messagesOf(tb, protoreflect.MethodDescriptor.Output)...)...)
}

// messagesOf returns an empty message for each RPC of the contract: its input, or
// its output.
func messagesOf(tb testing.TB, end func(protoreflect.MethodDescriptor) protoreflect.MessageDescriptor) []proto.Message {
	tb.Helper()
	var messages []proto.Message
	services := todov1.File_todo_v1_todo_proto.Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			found, err := protoregistry.GlobalTypes.FindMessageByName(end(methods.Get(j)).FullName())
			if err != nil {
				tb.Fatal(err)
			}
			messages = append(messages, found.New().Interface())
		}
	}
	return messages
}

// leftMessages returns an empty message of each type that jsonWriter has to
// leave to protojson.
func leftMessages(tb testing.TB) []proto.Message {
	tb.Helper()
	_, others := kinds(tb)
	return append(others,
		new(timestamppb.Timestamp), // It is no object.
		new(durationpb.Duration), new(structpb.Value))
}

// filled returns messages of a type with all fields set: each of them has
// another member of each oneof.
func filled(empty proto.Message) []proto.Message {
	var all []proto.Message
	const depth = 2 // Of messages that contain themselves.
	for choice := range 3 {
		message := empty.ProtoReflect().New()
		fill(message, choice, depth)
		all = append(all, message.Interface())
	}
	return all
}

// fill sets the fields of a message, of messages in it as far as depth.
func fill(message protoreflect.Message, choice, depth int) {
	if at, ok := message.Interface().(*timestamppb.Timestamp); ok {
		at.Seconds, at.Nanos = []int64{-62135596800, 0, 253402300799}[choice], []int32{0, 123_450_000, 999_999_999}[choice]
		return
	}
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if oneof := field.ContainingOneof(); oneof != nil && oneof.Fields().Get(choice%oneof.Fields().Len()) != field {
			continue
		}
		if field.Message() != nil && depth == 0 {
			continue
		}
		switch {
		case field.IsMap():
			value := message.Mutable(field).Map().NewValue()
			if field.MapValue().Message() == nil {
				value = someValue(field.MapValue(), choice)
			}
			message.Mutable(field).Map().Set(someValue(field.MapKey(), choice).MapKey(), value)
		case field.IsList():
			list := message.Mutable(field).List()
			for n := range 2 {
				if field.Message() != nil {
					fill(list.AppendMutable().Message(), choice, depth-1)
				} else {
					list.Append(someValue(field, choice+n))
				}
			}
		case field.Message() != nil:
			fill(message.Mutable(field).Message(), choice, depth-1)
		default:
			message.Set(field, someValue(field, choice))
		}
	}
}

// someValue returns a value of a field that holds no messages.
func someValue(field protoreflect.FieldDescriptor, n int) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum([]protoreflect.EnumNumber{1, 0, 99}[n%3]) // The last may have no name.
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32([]int32{1, -2147483648, 2147483647}[n%3])
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32([]uint32{1, 1 << 31, 1<<32 - 1}[n%3])
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64([]int64{1, -1 << 63, 1<<63 - 1}[n%3])
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64([]uint64{1, 1 << 63, 1<<64 - 1}[n%3])
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32([]float32{1, -0.5, 1e30}[n%3])
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{1, -0.5, 1e300}[n%3])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0xff, byte(n)})
	default:
		return protoreflect.ValueOfString([]string{"a", "é \"😀\"\x00\n", "</script>\u2028\\"}[n%3])
	}
}
