package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/emptypb" // The messages of the service.
)

// TestTheStreamsOfAServiceHaveBoundsByTheirKind registers a service with a method
// of each kind.
func TestTheStreamsOfAServiceHaveBoundsByTheirKind(t *testing.T) {
	t.Parallel()
	service := &descriptorpb.ServiceDescriptorProto{Name: proto.String("S")}
	for _, method := range []struct {
		name           string
		client, server bool
	}{{"Call", false, false}, {"Up", true, false}, {"Down", false, true}, {"Both", true, true}} {
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: proto.String(method.name), InputType: proto.String(".google.protobuf.Empty"), OutputType: proto.String(".google.protobuf.Empty"),
			ClientStreaming: proto.Bool(method.client), ServerStreaming: proto.Bool(method.server),
		})
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/empty.proto"}, Service: []*descriptorpb.ServiceDescriptorProto{service},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	routes := newRoutes(refuser{})
	routes.service(file.Services().Get(0), http.NotFoundHandler())
	for path, want := range map[string]*streamConfig{
		"/t.S/Call": nil,
		"/t.S/Up":   {maxDuration: maxStreamDuration, maxMessages: maxStreamMessages},
		"/t.S/Down": {maxDuration: maxStreamDuration, maxMessages: 1},
		"/t.S/Both": {maxDuration: maxStreamDuration, maxMessages: maxStreamMessages},
		"/t.S/None": nil,
	} {
		if diff := cmp.Diff(want, routes.streamOf(httptest.NewRequest(http.MethodPost, path, nil)), cmp.AllowUnexported(streamConfig{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
