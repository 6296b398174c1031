// Package server serves Connect services over HTTP: the middleware in its
// order, every route, the auth interceptor, health and reflection. It knows
// nothing of what the services do; whoever makes a [Server] adds them. Start
// reading at New.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Config has the settings of a server. Ping and Logger are required; the zero
// value of the others means none.
type Config struct {
	// Ping fails when the services can't serve.
	Ping   func(context.Context) error
	Logger *slog.Logger
	// Origins are those of the web pages that may call, exactly as browsers
	// send them.
	Origins []string
	// Headers are what pages may send besides what the protocols need.
	Headers []string
	// RateLimit is how many calls a user may make in a second, for a time; 0
	// for any number.
	RateLimit int
	// Reflection says whether the services describe themselves.
	Reflection bool
	// MaxConnections is how many connections may be open at once.
	MaxConnections int
	// KeepAlive is how long a connection is kept that is idle.
	KeepAlive time.Duration
}

// API is what all services of a server have in common.
type API struct {
	// Authenticator says who makes a call. Required.
	Authenticator Authenticator
	// Errors returns what a caller is told of an error, or nil for one that it
	// does not know. Required. The server knows its own errors and those of
	// contexts; of any other the caller learns that there was one.
	Errors func(error) *connect.Error
	// Codecs replace Connect's own of the same names.
	Codecs []connect.Codec
	// WireBytes estimates how many bytes a message has on the wire at most, in
	// any codec; nil for [proto.Size].
	WireBytes func(proto.Message) int
}

// Server serves services on one port. Services, REST paths and documents are
// added before it serves its first request.
type Server struct {
	http.Handler
	routes *routes
	refuse refuser
	health *health
	unread *unreadResponses
	logger *slog.Logger

	http        *http.Server
	connections *connectionLimit

	base connect.HandlerOption // Of every handler.
	call connect.HandlerOption // Of those whose callers need a token, besides.
}

// New returns a server of nothing but health and reflection, which has to be
// closed.
func New(cfg Config, api API) *Server {
	errs := newErrorRenderer(api.Errors)
	refuse := newRefuser(errs)
	s := &Server{
		routes: newRoutes(refuse),
		refuse: refuse,
		health: newHealth(cfg.Ping),
		unread: newUnreadResponses(api.WireBytes),
		logger: cfg.Logger,
		base:   baseOptions(errs, api.Codecs),
	}
	authenticate := &authInterceptor{authenticator: api.Authenticator, limiter: newLimiter(cfg.RateLimit), errors: errs}
	s.call = connect.WithHandlerOptions(
		withGzip(),
		connect.WithRequestGate(authenticate.intercept),
		connect.WithInterceptors(s.unread),
	)
	s.addHealth()
	if cfg.Reflection {
		s.addReflection()
	}
	s.Handler = withMiddleware(cfg, refuse, s.health, s.unread, s.routes)
	s.connections = newConnectionLimit(cfg.MaxConnections, cfg.Logger)
	s.http = newHTTPServer(s, s.connections, cfg.KeepAlive, cfg.Logger)
	return s
}

// withMiddleware puts the middleware around the routes, from the inside out: a
// request passes it from the last line to the first.
func withMiddleware(cfg Config, refuse refuser, health *health, unread *unreadResponses, routes *routes) http.Handler {
	handler := withSize(routes)
	handler = withDeadline(health.ended, routes.streamOf, handler)
	handler = withHeaderBounds(refuse, handler)           // Before all that reads them.
	handler = withCORS(cfg.Origins, cfg.Headers, handler) // Answers preflights, which have no token.
	handler = withHeaders(handler)
	handler = withRecover(refuse, handler)
	handler = withResponse(unread, handler)
	handler = withLog(cfg.Logger, handler) // Around recover: a panic is one line too.
	handler = withRequestID(handler)
	return withState(handler) // What they all share.
}

// baseOptions are those of every handler.
func baseOptions(errs *errorRenderer, codecs []connect.Codec) connect.HandlerOption {
	options := make([]connect.HandlerOption, 0, len(codecs)+3)
	for _, codec := range codecs {
		options = append(options, connect.WithCodec(codec))
	}
	return connect.WithHandlerOptions(append(options,
		connect.WithReadMaxBytes(maxDecodedBytes),
		connect.WithInterceptors(errs), // Outermost: it renders what the others return.
		connect.WithRecover(recoverCall),
	)...)
}

// Options returns what the Connect handler of a service is to be made with. Its
// interceptors come before any other.
func (s *Server) Options() connect.HandlerOption {
	return connect.WithHandlerOptions(s.base, s.call)
}

// AddService serves the methods of a service by its Connect handler, which was
// made with [Server.Options].
func (s *Server) AddService(service protoreflect.ServiceDescriptor, handler http.Handler) {
	s.routes.service(service, handler)
	s.health.services = append(s.health.services, string(service.FullName()))
}

// AddREST serves all paths with a prefix by a handler that turns requests into
// Connect calls and hands them to a service's own handler.
func (s *Server) AddREST(prefix string, handler http.Handler) {
	s.routes.restPrefix, s.routes.rest = prefix, handler
}

// AddDocument serves a document, to anybody.
func (s *Server) AddDocument(path, contentType string, document []byte) {
	s.routes.get(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(document) // It fails when the connection does.
	})
}

// Refuse answers a request that reaches no service with a status, and with a
// code and a message in the one shape of errors. It is for a handler of REST.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, status int, code connect.Code, message string) {
	s.refuse.refuse(w, r, status, code, message)
}

// Close ends what runs beside the requests, and returns when it has ended. What
// is asked later is answered as by a service that drains.
func (s *Server) Close() { s.health.close() }
