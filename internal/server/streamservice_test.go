package server

import (
	"context"
	"log/slog"
	"testing"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

const (
	serverStreamPath = "/test.v1.StreamService/Server"
	bidiStreamPath   = "/test.v1.StreamService/Both"
)

// streamService is a service of streams, with all that is around the product's
// own, over HTTP/1.1 and HTTP/2.
type streamService struct {
	url    string
	health *health
	log    *lineLog
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
	errs := newErrorRenderer(testErrors().Lookup)
	refuse := newRefuser(errs)
	routes := newRoutes(refuse)
	if server != nil {
		routes.procedure(procedure{
			name: serverStreamPath, stream: registered,
			handler: connect.NewServerStreamHandlerSimple(serverStreamPath, server, baseOptions(errs, testCodecs())),
		})
	}
	if bidi != nil {
		routes.procedure(procedure{
			name: bidiStreamPath, stream: registered, bidi: true,
			handler: connect.NewBidiStreamHandler(bidiStreamPath, bidi, baseOptions(errs, testCodecs())),
		})
	}
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.url = startServer(t, withMiddleware(Config{Logger: logger}, refuse, s.health, newUnreadResponses(nil), routes)).URL
}
