package rpc

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// jsonWriter writes messages as JSON, byte for byte as protojson does but for
// white space, at about a tenth of its cost: a page of todos is otherwise the
// most expensive part of its request. It follows the messages' descriptors, so
// that a new field of the contract needs nothing here.
type jsonWriter struct {
	// plans has the plan of each type of message that was written:
	// protoreflect.MessageDescriptor to *messagePlan, which is nil for types that
	// are left to protojson.
	plans sync.Map
}

// messagePlan is how the messages of one type are written.
type messagePlan struct{ fields []fieldPlan }

// fieldPlan is how one field is written.
type fieldPlan struct {
	field       protoreflect.FieldDescriptor
	name        string // The member's name in quotes, and the colon.
	isList      bool
	isMessage   bool        // One message.
	hasPresence bool        // What is written only when it is there.
	append      appendValue // Of one value; of a list, for each.
}

// appendValue appends a value. It reports false for one that can't be JSON.
type appendValue func(dst []byte, value protoreflect.Value) ([]byte, bool)

// append appends a message. It reports false, and returns dst as it was, for
// what is left to protojson: types of messages with fields that few contracts
// have, and values that can't be JSON.
func (w *jsonWriter) append(dst []byte, message proto.Message) ([]byte, bool) {
	reflected := message.ProtoReflect()
	plan := w.plan(reflected.Descriptor())
	if plan == nil {
		return dst, false
	}
	written, ok := plan.append(dst, reflected)
	if !ok {
		return dst, false
	}
	return written, true
}

// plan returns the plan of a type, or nil when protojson is to write it.
func (w *jsonWriter) plan(message protoreflect.MessageDescriptor) *messagePlan {
	if known, ok := w.plans.Load(message); ok {
		plan, _ := known.(*messagePlan)
		return plan
	}
	plan := planMessage(message, make(map[protoreflect.MessageDescriptor]*messagePlan))
	w.plans.Store(message, plan)
	return plan
}

// planMessage makes the plan of a type and of those in it, which planned
// collects: types may contain themselves. It returns nil when one of them is
// left to protojson.
func planMessage(message protoreflect.MessageDescriptor, planned map[protoreflect.MessageDescriptor]*messagePlan) *messagePlan {
	if plan, ok := planned[message]; ok {
		return plan
	}
	// Many of protobuf's own types have a JSON form of their own.
	isOrdinary := message.ParentFile().Package() != "google.protobuf" || message.FullName() == emptyName
	if !isOrdinary || message.ExtensionRanges().Len() > 0 || message.RequiredNumbers().Len() > 0 {
		return nil
	}
	fields := message.Fields()
	plan := &messagePlan{fields: make([]fieldPlan, fields.Len())}
	planned[message] = plan
	for i := range plan.fields {
		field := fields.Get(i)
		value := planValue(field, planned)
		if value == nil || field.IsMap() {
			return nil
		}
		name := append(appendString(nil, field.JSONName()), ':')
		plan.fields[i] = fieldPlan{
			field: field, name: string(name), isList: field.IsList(),
			isMessage:   field.Message() != nil && !field.IsList(),
			hasPresence: field.HasPresence(), append: value,
		}
	}
	return plan
}

const (
	emptyName     protoreflect.FullName = "google.protobuf.Empty"
	timestampName protoreflect.FullName = "google.protobuf.Timestamp"
)

// planValue returns what appends a value of a field, or nil when protojson is
// to do it.
func planValue(field protoreflect.FieldDescriptor, planned map[protoreflect.MessageDescriptor]*messagePlan) appendValue {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return appendBool
	case protoreflect.StringKind:
		return appendText
	case protoreflect.EnumKind:
		return enumWriter(field.Enum())
	case protoreflect.MessageKind:
		if field.Message().FullName() == timestampName {
			return appendTimestamp
		}
		if plan := planMessage(field.Message(), planned); plan != nil {
			return func(dst []byte, value protoreflect.Value) ([]byte, bool) { return plan.append(dst, value.Message()) }
		}
		return nil
	default:
		return numberWriter(field.Kind())
	}
}

// append appends a message of the plan's type. A field without presence is
// written always, one with presence when it is there.
func (p *messagePlan) append(dst []byte, message protoreflect.Message) (written []byte, ok bool) {
	dst = append(dst, '{')
	isFirst := true
	for i := range p.fields {
		f := &p.fields[i]
		// A message that isn't there is an invalid one: to ask for it first would
		// take as long as to get it.
		if f.hasPresence && !f.isMessage && !message.Has(f.field) {
			continue
		}
		value := message.Get(f.field)
		if f.isMessage && !value.Message().IsValid() {
			continue
		}
		if !isFirst {
			dst = append(dst, ',')
		}
		isFirst = false
		dst = append(dst, f.name...)
		if f.isList {
			dst, ok = f.appendList(dst, value.List())
		} else {
			dst, ok = f.append(dst, value)
		}
		if !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func (f *fieldPlan) appendList(dst []byte, list protoreflect.List) (written []byte, ok bool) {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, ok = f.append(dst, list.Get(i)); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), true
}
