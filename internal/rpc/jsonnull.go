package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// hasNull reports whether there is a null in valid JSON. Outside strings only null begins
// with the letter n.
func hasNull(data []byte) bool {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case 'n':
			return true
		}
	}
	return false
}

// clearNulls applies the nulls of valid JSON to the message that it was read into, where
// they are absent fields: an update has the fields cleared. It fails for any other null.
func clearNulls(msg proto.Message, data []byte) error {
	reader := nullReader{json.NewDecoder(bytes.NewReader(data))}
	reader.UseNumber()
	if _, err := reader.Token(); err != nil { // The object's beginning.
		return err
	}
	return reader.object(msg.ProtoReflect())
}

// nullReader reads JSON for its nulls.
type nullReader struct{ *json.Decoder }

// object reads an object that has begun, of a message.
func (r nullReader) object(msg protoreflect.Message) error {
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		fields := msg.Descriptor().Fields()
		field := fields.ByJSONName(name)
		if field == nil {
			field = fields.ByTextName(name)
		}
		if field == nil {
			return fmt.Errorf("an unknown field %q", shorten(name, maxErrorText))
		}
		if err := r.value(msg, field, name); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

// value reads the value of a message's field, which a caller gave under a name.
func (r nullReader) value(msg protoreflect.Message, field protoreflect.FieldDescriptor, name string) error {
	token, err := r.Token()
	switch {
	case err != nil:
		return err
	case token == json.Delim('['):
		return r.list(msg.Get(field).List(), name)
	case token == json.Delim('{'):
		return r.object(msg.Get(field).Message())
	case token != nil:
		return nil
	case !isClearedByNull(field):
		return errNull(name)
	case field.Message() != nil:
		msg.Mutable(field)
	default:
		msg.Set(field, field.Default())
	}
	return nil
}

// list reads a list that has begun, of a field that a caller gave under a name.
func (r nullReader) list(list protoreflect.List, name string) error {
	for i := 0; r.More(); i++ {
		token, err := r.Token()
		switch {
		case err != nil:
			return err
		case token == nil:
			return errNull(name)
		case token != json.Delim('{'):
			continue
		}
		if err := r.object(list.Get(i).Message()); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

func errNull(name string) error {
	return fmt.Errorf("null at %q; leave the field out, or give it a value", shorten(strings.ToValidUTF8(name, "\uFFFD"), maxErrorText))
}

// isClearedByNull reports whether null clears a field: one of an update without which a
// todo can be created. What null could mean elsewhere nobody can tell.
func isClearedByNull(field protoreflect.FieldDescriptor) bool {
	if field.ContainingMessage() != (*todov1.UpdateTodoRequest)(nil).ProtoReflect().Descriptor() || !field.HasPresence() {
		return false
	}
	created := (*todov1.CreateTodoRequest)(nil).ProtoReflect().Descriptor().Fields().ByName(field.Name())
	return created != nil && (created.HasPresence() || created.IsList())
}
