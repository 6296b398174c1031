package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxErrorText bounds a message that quotes what a caller sent.
const maxErrorText = 300

// codecs returns the codecs of every handler. They replace Connect's own,
// which let unknown JSON fields pass and name Go types in their errors.
func codecs() []connect.Codec {
	writer := new(jsonWriter)
	return []connect.Codec{
		protoCodec{},
		jsonCodec{name: "json", writer: writer},
		// Connect has a codec of its own under this name too.
		jsonCodec{name: "json; charset=utf-8", writer: writer},
	}
}

// jsonCodec reads and writes the JSON of the contract, over Connect and REST.
// It is strict where protobuf's JSON mapping is lenient: unknown fields and
// null are errors, so that a misspelt or misunderstood change is refused
// rather than ignored. Its output is the same byte for byte in every build.
type jsonCodec struct {
	name   string
	writer *jsonWriter
}

func (c jsonCodec) Name() string { return c.name }

func (c jsonCodec) Marshal(message any) ([]byte, error) {
	return mustEncode(c.encode, nil, message), nil
}

// MarshalAppend lets Connect encode into the buffers that it reuses.
func (c jsonCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	return mustEncode(c.encode, dst, message), nil
}

func (c jsonCodec) encode(dst []byte, msg proto.Message) ([]byte, error) {
	if dst, ok := c.writer.append(dst, msg); ok {
		return dst, nil
	}
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(msg)
	if err != nil {
		return nil, err
	}
	// protojson varies its white space from build to build.
	compact := bytes.NewBuffer(dst)
	if err := json.Compact(compact, spaced); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

func (jsonCodec) Unmarshal(data []byte, message any) error {
	msg, err := protoMessage(message)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errors.New("invalid JSON: the body is empty; send at least {}")
	}
	if err := protojson.Unmarshal(data, msg); err != nil {
		return fmt.Errorf("invalid JSON: %s", decodeErrorText(err))
	}
	if field, found := nullField(data); found {
		return fmt.Errorf("invalid JSON: null at %s; leave the field out, or give it a value", field)
	}
	return nil
}

// nullField finds a null in valid JSON and the name, in its quotes, of the
// field that has it. Outside strings nothing else has the letter n first.
func nullField(data []byte) (field []byte, found bool) {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			start := i
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			field = data[start : i+1]
		case 'n':
			return field, true
		}
	}
	return nil, false
}

// protoCodec reads and writes protobuf's binary format.
type protoCodec struct{}

func (protoCodec) Name() string { return "proto" }

func (protoCodec) Marshal(message any) ([]byte, error) {
	return mustEncode(encodeProto, nil, message), nil
}

// MarshalAppend lets Connect encode into the buffers that it reuses.
func (protoCodec) MarshalAppend(dst []byte, message any) ([]byte, error) {
	return mustEncode(encodeProto, dst, message), nil
}

func encodeProto(dst []byte, msg proto.Message) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(dst, msg)
}

// mustEncode appends an encoded message of ours to dst. One that can't be encoded
// is a defect, and panics: of an error, Connect would tell the caller the text,
// and the log nothing.
func mustEncode(encode func([]byte, proto.Message) ([]byte, error), dst []byte, message any) []byte {
	msg, err := protoMessage(message)
	if err != nil {
		panic(&encodeError{err})
	}
	encoded, err := encode(dst, msg)
	if err != nil {
		panic(&encodeError{err})
	}
	return encoded
}

// encodeError says why an answer can't be encoded.
type encodeError struct{ cause error }

func (e *encodeError) Error() string { return "rpc: the answer can't be encoded: " + e.cause.Error() }

func (e *encodeError) Unwrap() error { return e.cause }

func (protoCodec) Unmarshal(data []byte, message any) error {
	msg, err := protoMessage(message)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, msg); err != nil {
		return fmt.Errorf("invalid protobuf: %s", decodeErrorText(err))
	}
	return nil
}

// protoMessage can only fail when a handler is registered for something that
// is no protobuf message.
func protoMessage(message any) (proto.Message, error) {
	msg, ok := message.(proto.Message)
	if !ok {
		return nil, errors.New("not a protobuf message")
	}
	return msg, nil
}

// decodeErrorText returns what a protobuf decoder says of its input, without
// the library's prefix, whose white space varies from build to build, and no
// longer than a message should be: it may quote the input, which need not be
// UTF-8, as a gRPC status has to be.
func decodeErrorText(err error) string {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	text = strings.ReplaceAll(text, "\u00a0", " ")
	text = strings.TrimPrefix(text, "proto: ")
	return shorten(text, maxErrorText)
}

// shorten cuts s to at most limit bytes, at the end of a character.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
