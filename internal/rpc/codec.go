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

// codecs returns the codecs of every handler. They replace Connect's own, which accept
// unknown JSON fields and name Go types in their errors.
func codecs() []connect.Codec {
	writer := new(jsonWriter)
	return []connect.Codec{
		protoCodec{},
		jsonCodec{name: "json", writer: writer},
		// Connect's own codec is registered under this name too.
		jsonCodec{name: "json; charset=utf-8", writer: writer},
	}
}

// jsonCodec reads and writes the JSON of the contract, over Connect and REST. It is
// stricter than protobuf's JSON mapping: unknown fields are errors, and so is null unless
// it clears a field, so that a misspelt change is rejected instead of ignored. Its output is the same in every build.
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
	if !hasNull(data) {
		return nil
	}
	if err := clearNulls(msg, data); err != nil {
		return fmt.Errorf("invalid JSON: %w", err)
	}
	return nil
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

// mustEncode appends an encoded response to dst. It panics when that fails, which is a
// defect: Connect would show the text of an error to the caller and log nothing.
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

// encodeError says why a response can't be encoded.
type encodeError struct{ cause error }

func (e *encodeError) Error() string { return "rpc: the response can't be encoded: " + e.cause.Error() }

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

// protoMessage fails only when a handler is registered for a type that is not a
// protobuf message.
func protoMessage(message any) (proto.Message, error) {
	msg, ok := message.(proto.Message)
	if !ok {
		return nil, errors.New("not a protobuf message")
	}
	return msg, nil
}

// decodeErrorText returns the text of a protobuf decoder's error. It removes the
// library's prefix, whose white space varies from build to build. It bounds the length
// and makes the text UTF-8, as a gRPC status has to be, since it may quote the input.
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
