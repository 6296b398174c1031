package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// isScalar reports whether a field has a single value that is not a message. Only such
// fields can be in a path.
func isScalar(field protoreflect.FieldDescriptor) bool {
	return !field.IsList() && field.Message() == nil
}

// isQueryable reports whether a query can give a field its value, or, by a parameter for
// each, its values.
func isQueryable(field protoreflect.FieldDescriptor) bool {
	return field.Message() == nil || isTimestamp(field)
}

// isTimestamp reports whether a field's values are times. It is the one message whose JSON
// is a string that people write in queries.
func isTimestamp(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == "google.protobuf.Timestamp"
}

// appendValue appends the JSON of one value of a field from a path or a query. Its
// errors say what the value must be; they continue a sentence that begins with the
// field's name.
//
// It appends valid JSON of the field's kind. The codec makes the final check: base64 is
// not decoded here.
func appendValue(dst []byte, field protoreflect.FieldDescriptor, value string) ([]byte, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		if value != "true" && value != "false" {
			return nil, errors.New("must be true or false")
		}
		return append(dst, value...), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return appendInt(dst, value, 32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return appendInt(dst, value, 64)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return appendUint(dst, value, 32)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return appendUint(dst, value, 64)
	case protoreflect.FloatKind:
		return appendFloat(dst, value, 32)
	case protoreflect.DoubleKind:
		return appendFloat(dst, value, 64)
	case protoreflect.EnumKind:
		return appendEnum(dst, field.Enum(), value)
	case protoreflect.StringKind, protoreflect.BytesKind:
		if !utf8.ValidString(value) {
			return nil, errors.New("must be UTF-8, percent-encoded")
		}
		return appendString(dst, value), nil
	case protoreflect.MessageKind:
		return appendTimestamp(dst, value)
	default: // Groups; isQueryable rejects them earlier, and other messages.
		return nil, errors.New("must be sent in a body")
	}
}

// appendTimestamp appends a time. A plus sign that is not escaped comes as a space, as in
// any form, so that the error says how to write one.
func appendTimestamp(dst []byte, value string) ([]byte, error) {
	if _, err := time.Parse(time.RFC3339Nano, value); err != nil || strings.Contains(value, ",") {
		return nil, errors.New("must be a time as RFC 3339 writes it, such as 2026-11-23T10:15:30Z or 2026-11-23T11:15:30%2B01:00, with %2B for a plus sign")
	}
	return appendString(dst, value), nil
}

// appendInt appends an integer. It accepts only the shortest decimal form. Like
// protobuf's JSON, it writes 64-bit integers as strings, since some parsers store
// numbers as doubles.
func appendInt(dst []byte, value string, bits int) ([]byte, error) {
	n, err := strconv.ParseInt(value, 10, bits)
	if err != nil || strconv.FormatInt(n, 10) != value {
		limit := int64(1) << (bits - 1)
		return nil, fmt.Errorf("must be an integer from %d to %d, in decimal digits", -limit, limit-1)
	}
	return appendDigits(dst, value, bits), nil
}

// appendUint is appendInt for integers without a sign.
func appendUint(dst []byte, value string, bits int) ([]byte, error) {
	n, err := strconv.ParseUint(value, 10, bits)
	if err != nil || strconv.FormatUint(n, 10) != value {
		return nil, fmt.Errorf("must be an integer from 0 to %d, in decimal digits", uint64(math.MaxUint64)>>(64-bits))
	}
	return appendDigits(dst, value, bits), nil
}

func appendDigits(dst []byte, digits string, bits int) []byte {
	if bits == 64 {
		return appendString(dst, digits)
	}
	return append(dst, digits...)
}

// appendFloat appends a number as JSON writes it, or the string of one of the three
// values that JSON has no number for.
func appendFloat(dst []byte, value string, bits int) ([]byte, error) {
	switch value {
	case "NaN", "Infinity", "-Infinity":
		return appendString(dst, value), nil
	}
	_, err := strconv.ParseFloat(value, bits)
	// Of what ParseFloat reads, JSON lacks hexadecimal, inf, +1, .5 and 01.
	if err != nil || !json.Valid([]byte(value)) {
		return nil, fmt.Errorf("must be a number as JSON writes it and of at most %d bits, or NaN, Infinity or -Infinity", bits)
	}
	return append(dst, value...), nil
}

// appendEnum appends an enum value by its name or its number. Numbers without a name
// are accepted, since enums may grow.
func appendEnum(dst []byte, enum protoreflect.EnumDescriptor, value string) ([]byte, error) {
	if enum.Values().ByName(protoreflect.Name(value)) != nil {
		return appendString(dst, value), nil
	}
	if with, err := appendInt(dst, value, 32); err == nil {
		return with, nil
	}
	names := make([]string, enum.Values().Len())
	for i := range names {
		names[i] = string(enum.Values().Get(i).Name())
	}
	return nil, fmt.Errorf("must be one of %s", strings.Join(names, ", "))
}

// appendString appends a JSON string. The string must be UTF-8, or it would be changed.
func appendString(dst []byte, s string) []byte {
	if isPlain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // Strings always marshal.
	}
	return append(dst, quoted...)
}

// isPlain reports whether a string needs no escapes in JSON. Field names, ids and page
// tokens don't.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
