package main

import (
	"errors"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
)

// rawWay is a way to send a message byte for byte, as no client would write it.
type rawWay struct {
	name    string
	codec   string // "json" or "proto".
	http2   bool
	options []connect.ClientOption
}

// rawWays lists the ways to send a message in protobuf's binary format.
func rawWays() []rawWay {
	return []rawWay{
		{"Connect binary", "proto", false, nil},
		{"gRPC", "proto", true, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", "proto", false, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

// rawJSONWays lists the ways to send a message in JSON, but for REST.
func rawJSONWays() []rawWay {
	return []rawWay{
		{"Connect JSON", "json", false, nil},
		{"gRPC with JSON", "json", true, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web with JSON", "json", false, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

// rawCodec sends and receives bytes as they are.
type rawCodec struct{ name string }

func (c rawCodec) Name() string { return c.name }

func (rawCodec) Marshal(message any) ([]byte, error) {
	data, ok := message.(*[]byte)
	if !ok {
		return nil, errors.New("no bytes")
	}
	return *data, nil
}

func (rawCodec) Unmarshal(data []byte, message any) error {
	switch dst := message.(type) {
	case *[]byte:
		*dst = append([]byte(nil), data...)
		return nil
	case proto.Message: // A gRPC status.
		return proto.Unmarshal(data, dst)
	}
	return errors.New("no bytes")
}

// callRaw calls a method of the service with a message as it is.
func (s *service) callRaw(t *testing.T, way rawWay, method string, message []byte, token string) error {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(way.http2)
	protocols.SetHTTP1(!way.http2)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	options := append([]connect.ClientOption{connect.WithCodec(rawCodec{way.codec})}, way.options...)
	client := connect.NewClient[[]byte, []byte](&http.Client{Transport: &ear{next: transport, token: token}},
		s.url+"/todo.v1.TodoService/"+method, options...)
	_, err := client.CallUnary(t.Context(), connect.NewRequest(&message))
	return err
}
