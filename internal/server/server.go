// Package server serves Connect services over HTTP: by Connect, gRPC and gRPC-Web,
// on HTTP/1.1 and HTTP/2. It has the middleware, the auth interceptor, the bounds
// of connections, requests and streams, health checks and reflection. It does not
// know what the services do. Start reading at New.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Config has the settings of a server. Ping and Logger are required.
type Config struct {
	// Ping fails when the database, or whatever else the services need, is
	// unavailable.
	Ping   func(context.Context) error
	Logger *slog.Logger
	// Origins are those of the web pages that may call, exactly as browsers
	// send them.
	Origins []string
	// Headers are those that pages may send besides what the protocols need.
	Headers []string
	// RateLimit is how many calls per second a user may make; 0 means any number.
	RateLimit int
	// Reflection serves gRPC reflection.
	Reflection bool
	// MaxConnections bounds the number of open connections.
	MaxConnections int
	// KeepAlive is how long an idle connection is kept open.
	KeepAlive time.Duration
	// Observer is told of each request; it may be nil.
	Observer Observer
	// Interceptors are around those of the server. The errors that they see are
	// what callers get.
	Interceptors []connect.Interceptor
}

// API is what the services of a server have in common. Authenticator and Errors
// are required.
type API struct {
	Authenticator Authenticator
	// Errors returns what a caller is told of an error, or nil for an unknown
	// error. The server itself knows its own errors and those of contexts. The
	// caller is told "internal error" when nobody knows an error.
	Errors func(error) *connect.Error
	// Codecs replace Connect's own codecs of the same names.
	Codecs []connect.Codec
	// WireBytes estimates how large a message can be on the wire, in any codec; nil
	// means [proto.Size].
	WireBytes func(proto.Message) int
	// MessageBytes bounds the requests of procedures that have not the usual bound.
	// Of a larger request, each 64 KiB count as a call for the rate limit.
	MessageBytes map[string]int64
}

// Server is an HTTP server of Connect services. Everything is added to it before
// it serves its first request.
type Server struct {
	http.Handler
	routes *routes
	refuse refuser
	health *health
	unread *unreadResponses
	logger *slog.Logger

	http        *http.Server
	connections *connectionLimit

	base connect.HandlerOption // For every handler.
	auth connect.HandlerOption // Additional ones for handlers that need a token.
}

// New returns a server with health checks and reflection only. It has to be
// closed.
func New(cfg Config, api API) *Server {
	errs := newErrorRenderer(api.Errors)
	errs.unread = newUnreadResponses(api.WireBytes)
	refuse := newRefuser(errs)
	s := &Server{
		routes: newRoutes(refuse),
		refuse: refuse,
		health: newHealth(withoutPanics(cfg.Ping, cfg.Logger)),
		unread: errs.unread,
		logger: cfg.Logger,
		base:   connect.WithHandlerOptions(connect.WithInterceptors(cfg.Interceptors...), baseOptions(errs, api.Codecs)),
	}
	authenticate := &authInterceptor{
		authenticator: api.Authenticator, limiter: newLimiter(cfg.RateLimit), pages: newLimiter(cfg.RateLimit),
		errors: errs, messageBytes: api.MessageBytes,
	}
	s.auth = connect.WithHandlerOptions(
		boundOf(api.MessageBytes, withReadLimit),
		boundOf(api.MessageBytes, withGzip),
		connect.WithRequestGate(authenticate.intercept),
		connect.WithInterceptors(s.unread),
	)
	s.health.addTo(s.routes, s.base)
	if cfg.Reflection {
		addReflection(s.routes, s.base, s.health)
	}
	s.Handler = withMiddleware(cfg, refuse, s.health, s.unread, s.routes)
	s.connections = newConnectionLimit(cfg.MaxConnections, cfg.Logger)
	s.http = newHTTPServer(s, s.connections, cfg.KeepAlive, cfg.Logger)
	return s
}

// withMiddleware wraps the routes in the middleware. The first line is the
// innermost: a request passes the last line first.
func withMiddleware(cfg Config, refuse refuser, health *health, unread *unreadResponses, routes *routes) http.Handler {
	handler := withBody(routes)
	handler = withDeadline(health.ended, routes.streamOf, handler)
	handler = withHeaderBounds(refuse, handler)           // Before any header is parsed.
	handler = withCORS(cfg.Origins, cfg.Headers, handler) // Before authentication: preflights have no token.
	handler = withHeaders(handler)
	handler = withRecover(refuse, handler)
	handler = withResponse(unread, handler)
	handler = withObserver(cfg.Observer, handler) // Before the line is written, so that its reader finds the request counted.
	handler = withLog(cfg.Logger, handler)        // Around recover, so that a panic has its line too.
	handler = withRequestID(handler)
	return withState(handler)
}

// baseOptions returns the options of every handler.
func baseOptions(errs *errorRenderer, codecs []connect.Codec) connect.HandlerOption {
	options := make([]connect.HandlerOption, 0, len(codecs)+3)
	for _, codec := range codecs {
		options = append(options, connect.WithCodec(codec))
	}
	return connect.WithHandlerOptions(append(options,
		withReadLimit(maxMessageBytes),
		connect.WithInterceptors(errs), // Around the following ones, to render their errors.
		connect.WithRecover(recoverCall),
	)...)
}

// Options returns the options for the Connect handler of a service. They have to
// come before others, so that the server's interceptors are the outermost.
func (s *Server) Options() connect.HandlerOption {
	return connect.WithHandlerOptions(s.base, s.auth)
}

// AddService serves the methods of a service by its Connect handler, which has
// been made with [Server.Options].
func (s *Server) AddService(service protoreflect.ServiceDescriptor, handler http.Handler) {
	s.routes.service(service, handler)
	s.health.services = append(s.health.services, string(service.FullName()))
}

// StreamBounds are the bounds of a method's streams where they are not the usual ones.
type StreamBounds struct {
	// Duration is about how long a stream lasts.
	Duration time.Duration
	// IsRenewed means that callers open a stream again where it ended: it ends with the
	// code unavailable and says when to try again, and its length varies by a tenth.
	IsRenewed bool
}

// BoundStreams sets the bounds of a method's streams. The method's service has been
// added, and the caller sends one message on each stream.
func (s *Server) BoundStreams(procedure string, bounds StreamBounds) {
	*s.routes.streams[procedure] = streamConfig{maxDuration: bounds.Duration, isRenewed: bounds.IsRenewed, maxMessages: 1}
}

// AddREST serves all paths with a prefix by a transcoder, whose service has been
// added.
func (s *Server) AddREST(prefix string, transcoder Transcoder) {
	s.routes.restPrefix, s.routes.rest = prefix, transcoder
}

// AddDocument serves a document, without a token.
func (s *Server) AddDocument(path, contentType string, document []byte) {
	s.routes.get(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(document) // It fails when the connection does.
	})
}

// Refuse writes the error of a request that reaches no service, in the same form
// as all errors. It is for the transcoder of [Server.AddREST].
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, status int, code connect.Code, message string) {
	s.refuse.refuse(w, r, status, code, message)
}

// Close stops the health checks. The server is not ready any more.
func (s *Server) Close() { s.health.close() }

// Serve serves the connections of a listener, which [Listen] made, until
// [Server.Drain] is called. It fails otherwise.
func (s *Server) Serve(listener net.Listener) error {
	err := s.http.Serve(s.connections.listener(listener))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// Drain stops the server without failing a request. It makes the server unready
// and waits for delay, in which load balancers notice. Then it ends streams, closes
// the listener and waits for calls in flight. It fails when some are still in
// flight after drainTimeout.
func (s *Server) Drain(delay time.Duration) error {
	s.health.drain()
	s.logger.Info("draining", "delay_s", delay.Seconds()) // Probes see it by now.
	<-time.After(delay)
	s.health.end()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were still in flight after %v: %w", drainTimeout, err), s.http.Close())
	}
	s.logger.Info("drained")
	return nil
}
