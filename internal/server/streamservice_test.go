package server

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/rest"
)

const (
	serverStreamPath = "/test.v1.StreamService/Server"
	bidiStreamPath   = "/test.v1.StreamService/Both"
	eventsPath       = "/api/server:watch" // The server stream over REST.
)

// streamService is a service of streams, with all that is around the product's
// own, over HTTP/1.1 and HTTP/2.
type streamService struct {
	url    string
	health *health
	log    *lineLog
	routes *routes
}

// serverStream and bidiStream are handlers of its two streams. No test needs
// both.
type (
	serverStream = func(context.Context, *todov1.GetTodoRequest, *connect.ServerStream[todov1.Todo]) error
	bidiStream   = func(context.Context, *connect.BidiStream[todov1.GetTodoRequest, todov1.Todo]) error
)

func startStreams(t *testing.T, registered *streamConfig, server serverStream, bidi bidiStream) *streamService {
	t.Helper()
	s := newStreams(t)
	s.start(t, registered, server, bidi)
	return s
}

// newStreams returns a service that is to be started, for handlers to know of.
func newStreams(t *testing.T) *streamService {
	t.Helper()
	health := newHealth(func(context.Context) error { return nil })
	t.Cleanup(health.close)
	return &streamService{health: health, log: &lineLog{grown: make(chan struct{})}}
}

func (s *streamService) start(t *testing.T, registered *streamConfig, server serverStream, bidi bidiStream) {
	t.Helper()
	s.url = startServer(t, s.handler(t, registered, newUnreadResponses(nil), server, bidi)).URL
}

// handler returns what serves the service.
func (s *streamService) handler(t *testing.T, registered *streamConfig, unread *unreadResponses, server serverStream, bidi bidiStream) http.Handler {
	t.Helper()
	errs := newErrorRenderer(testErrors().Lookup)
	refuse := newRefuser(errs)
	routes := newRoutes(refuse)
	s.routes = routes
	if server != nil {
		handler := connect.NewServerStreamHandlerSimple(serverStreamPath, server,
			baseOptions(errs, testCodecs()), connect.WithInterceptors(unread, rest.Interceptor()))
		routes.procedure(procedure{name: serverStreamPath, stream: registered, handler: handler})
		transcoder, err := rest.NewTranscoder(rest.Config{
			Service: streamDescriptor(t), RPC: handler,
			Refuse: func(w http.ResponseWriter, r *http.Request, refusal rest.Refusal) {
				refuse.refuse(w, r, refusal.Status, connect.CodeUnimplemented, refusal.Message)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		routes.restPrefix, routes.rest = "/api/", transcoder
	}
	if bidi != nil {
		routes.procedure(procedure{
			name: bidiStreamPath, stream: registered, bidi: true,
			handler: connect.NewBidiStreamHandler(bidiStreamPath, bidi, baseOptions(errs, testCodecs())),
		})
	}
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return withMiddleware(Config{Logger: logger}, refuse, s.health, unread, routes)
}

// streamDescriptor describes the server stream, with its path over REST.
func streamDescriptor(t *testing.T) protoreflect.ServiceDescriptor {
	t.Helper()
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: eventsPath}})
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("test/v1/stream.proto"), Package: new("test.v1"), Syntax: new("proto3"),
		Dependency: []string{todov1.File_todo_v1_todo_proto.Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: new("StreamService"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: new("Server"), InputType: new(".todo.v1.GetTodoRequest"), OutputType: new(".todo.v1.Todo"),
				ServerStreaming: new(true), Options: options,
			}},
		}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0)
}
