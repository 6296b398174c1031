package rpc

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"example.com/todo-backend/internal/todo"
)

const (
	// smallTexts is the size up to which texts are not looked at for what has
	// more bytes as JSON: so small an answer holds less than its request does.
	smallTexts = 4 << 10
	// scalarBytes is what a value other than texts and enums has at most as JSON,
	// with the comma behind it: a time has 32 bytes in quotes.
	scalarBytes = 33
)

// wireBytes is what a message has on the wire at most, or a little less when its
// texts are small. It follows the message's descriptor, so that no field is
// forgotten: what isn't counted would be held without a bound.
func (w *jsonWriter) wireBytes(message proto.Message) int {
	reflected := message.ProtoReflect()
	plan := w.plan(reflected.Descriptor())
	if plan == nil {
		return proto.Size(message)
	}
	others, texts := plan.wireBytes(reflected, func(text string) int { return len(text) })
	if texts > smallTexts {
		_, texts = plan.wireBytes(reflected, todo.WireBytes)
	}
	return others + texts
}

// valueBytes returns what a value of a field has on the wire at most, with a
// comma; 0 for texts and messages, which differ.
func valueBytes(field protoreflect.FieldDescriptor) int {
	switch field.Kind() {
	case protoreflect.StringKind:
		return 0
	case protoreflect.EnumKind:
		longest := scalarBytes
		for i := range field.Enum().Values().Len() {
			longest = max(longest, len(field.Enum().Values().Get(i).Name())+len(`"",`))
		}
		return longest
	case protoreflect.MessageKind:
		if field.Message().FullName() != timestampName {
			return 0
		}
	default:
	}
	return scalarBytes
}

// countBytes sets the bytes of a plan whose fields are there.
func (p *messagePlan) countBytes() {
	p.bytes = len("{},")
	for _, f := range p.fields {
		p.bytes += len(f.name)
		if f.isList {
			p.bytes += len("[],")
		} else {
			p.bytes += f.bytes
		}
	}
}

// wireBytes returns what the texts in a message have on the wire, each as a
// function says, and what all else has.
func (p *messagePlan) wireBytes(message protoreflect.Message, textBytes func(string) int) (others, texts int) {
	others = p.bytes
	for i := range p.fields {
		f := &p.fields[i]
		if f.bytes > 0 && !f.isList {
			continue
		}
		value := message.Get(f.field)
		if !f.isList {
			o, t := f.wireBytes(value, textBytes)
			others, texts = others+o, texts+t
			continue
		}
		list := value.List()
		for i := range list.Len() {
			o, t := f.wireBytes(list.Get(i), textBytes)
			others, texts = others+o, texts+t
		}
	}
	return others, texts
}

// wireBytes is that of one value.
func (f *fieldPlan) wireBytes(value protoreflect.Value, textBytes func(string) int) (others, texts int) {
	switch {
	case f.bytes > 0:
		return f.bytes, 0
	case f.nested == nil:
		return len(`"",`), textBytes(value.String())
	case value.Message().IsValid():
		return f.nested.wireBytes(value.Message(), textBytes)
	}
	return 0, 0
}
