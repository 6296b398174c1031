package rpc

import (
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// appendValue appends a value. It reports false for one that JSON can't express.
type appendValue func(dst []byte, value protoreflect.Value) ([]byte, bool)

func appendBool(dst []byte, value protoreflect.Value) ([]byte, bool) {
	return strconv.AppendBool(dst, value.Bool()), true
}

// numberWriter returns the function that appends a value of an integer's kind, or nil
// for other kinds. 64-bit integers become strings, since some parsers store numbers as
// doubles.
func numberWriter(kind protoreflect.Kind) appendValue {
	switch kind { //nolint:exhaustive // The others have no integers.
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return func(dst []byte, value protoreflect.Value) ([]byte, bool) {
			return strconv.AppendInt(dst, value.Int(), 10), true
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return func(dst []byte, value protoreflect.Value) ([]byte, bool) {
			return strconv.AppendUint(dst, value.Uint(), 10), true
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return func(dst []byte, value protoreflect.Value) ([]byte, bool) {
			return append(strconv.AppendInt(append(dst, '"'), value.Int(), 10), '"'), true
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return func(dst []byte, value protoreflect.Value) ([]byte, bool) {
			return append(strconv.AppendUint(append(dst, '"'), value.Uint(), 10), '"'), true
		}
	}
	return nil
}

// enumWriter returns the function that appends an enum value: its name, or its number
// when it has none.
func enumWriter(enum protoreflect.EnumDescriptor) appendValue {
	if enum.FullName() == "google.protobuf.NullValue" { // Written as null.
		return nil
	}
	values := enum.Values()
	return func(dst []byte, value protoreflect.Value) ([]byte, bool) {
		named := values.ByNumber(value.Enum())
		if named == nil {
			return strconv.AppendInt(dst, int64(value.Enum()), 10), true
		}
		return append(append(append(dst, '"'), named.Name()...), '"'), true
	}
}

// appendTimestamp appends a time as protobuf's JSON mapping writes it: RFC 3339 in UTC,
// with 0, 3, 6 or 9 fractional digits. With [time.Time.AppendFormat] a page would take
// 4 % longer, and the number of digits would need a correction.
func appendTimestamp(dst []byte, value protoreflect.Value) ([]byte, bool) {
	at, ok := value.Message().Interface().(*timestamppb.Timestamp)
	if !ok {
		return dst, false
	}
	return appendTime(dst, at)
}

// appendTime appends a time as appendTimestamp says.
func appendTime(dst []byte, at *timestamppb.Timestamp) ([]byte, bool) {
	if !at.IsValid() {
		return dst, false
	}
	t := at.AsTime()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(append(dst, '"'), year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	switch nanos := t.Nanosecond(); {
	case nanos == 0:
	case nanos%1e6 == 0:
		dst = appendDigits(append(dst, '.'), nanos/1e6, 3)
	case nanos%1e3 == 0:
		dst = appendDigits(append(dst, '.'), nanos/1e3, 6)
	default:
		dst = appendDigits(append(dst, '.'), nanos, 9)
	}
	return append(dst, 'Z', '"'), true
}

// appendDigits appends a number with leading zeros, so many digits in all.
func appendDigits(dst []byte, number, digits int) []byte {
	dst = append(dst, "000000000"[:digits]...)
	for at := len(dst) - 1; number > 0; at-- {
		dst[at] = byte('0' + number%10)
		number /= 10
	}
	return dst
}

// appendText appends text as a JSON string (RFC 8259 section 7), with only the required
// escapes.
func appendText(dst []byte, value protoreflect.Value) ([]byte, bool) {
	text := value.String()
	if !utf8.ValidString(text) {
		return dst, false
	}
	return appendString(dst, text), true
}

// appendString appends text that is UTF-8 as a JSON string.
func appendString(dst []byte, text string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	written := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[written:i]...)
		written = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	dst = append(dst, text[written:]...)
	return append(dst, '"')
}
