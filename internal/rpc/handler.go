// Package rpc is the wire: every route, the middleware in its order, the auth
// interceptor, the RPCs, the codecs and the one table of errors. Start reading
// at New.
package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/validate"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/rest"
	"example.com/todo-backend/internal/todo"
)

const serviceName = todov1connect.TodoServiceName

// Config is what the wire is made of. All of it is required but for the
// numbers and switches, whose zero means none.
type Config struct {
	Todos    *todo.Service
	Verifier *auth.Verifier
	// Ping fails when the database can't serve.
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
	// OpenAPI is the document served at /openapi.yaml.
	OpenAPI []byte
}

// Handler serves everything on the one port.
type Handler struct {
	http.Handler
	health *health
}

// New returns the handler of all routes, which has to be closed. It fails when
// the contract uses what the REST transcoder can't serve.
func New(cfg Config) (*Handler, error) { return newHandler(cfg, newUnreadAnswers()) }

func newHandler(cfg Config, unread *unreadAnswers) (*Handler, error) {
	errs := newErrorRenderer()
	refuse := newRefuser(errs)
	health := newHealth(withoutPanics(cfg.Ping, cfg.Logger))

	routes, err := newRoutes(cfg, errs, refuse, health, unread)
	if err != nil {
		health.close()
		return nil, err
	}
	return &Handler{Handler: withMiddleware(cfg, refuse, health, unread, routes), health: health}, nil
}

// withMiddleware puts the middleware around the routes, from the inside out: a
// request passes it from the last line to the first.
func withMiddleware(cfg Config, refuse refuser, health *health, unread *unreadAnswers, routes *routes) http.Handler {
	handler := withSize(routes)
	handler = withDeadline(health.ended, routes.streamOf, handler)
	handler = withHeaderBounds(refuse, handler)           // Before all that reads them.
	handler = withCORS(cfg.Origins, cfg.Headers, handler) // Answers preflights, which have no token.
	handler = withHeaders(handler)
	handler = withRecover(refuse, handler)
	handler = withAnswer(unread, handler)
	handler = withLog(cfg.Logger, handler) // Around recover: a panic is one line too.
	handler = withRequestID(handler)
	return withExchange(handler) // What they all share.
}

// StartDraining turns the readiness endpoints to 503, and tells whoever watches
// the health. Calls are served as before.
func (h *Handler) StartDraining() { h.health.drain() }

// EndStreams ends all streams, which would otherwise outlast the wait for
// requests in flight. Health watches are told before that the service drains.
func (h *Handler) EndStreams() {
	h.health.drain()
	h.health.end()
}

// Close ends what runs beside the requests, and returns when it has ended. What
// is asked later is answered as by a service that drains.
func (h *Handler) Close() { h.health.close() }

// handlerOptions are those of every RPC's handler.
func handlerOptions(errs *errorRenderer) connect.HandlerOption {
	return connect.WithHandlerOptions(append(codecs(),
		connect.WithReadMaxBytes(maxDecodedBytes),
		connect.WithInterceptors(errs), // Outermost: it renders what the others return.
		connect.WithRecover(recoverCall),
	)...)
}

// newRoutes lays out every path that is served.
func newRoutes(cfg Config, errs *errorRenderer, refuse refuser, health *health, unread *unreadAnswers) (*routes, error) {
	options := handlerOptions(errs)
	authenticate := &authInterceptor{verifier: cfg.Verifier, limiter: newLimiter(cfg.RateLimit), errors: errs}
	_, todos := todov1connect.NewTodoServiceHandler(&todoServer{todos: cfg.Todos},
		options,
		withGzip(),
		connect.WithRequestGate(authenticate.intercept),
		connect.WithInterceptors(unread, validate.NewInterceptor()),
	)
	service := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	transcoder, err := rest.NewTranscoder(rest.Config{Service: service, RPC: todos, Refuse: refuse.transcoding})
	if err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}

	r := newRoutesTo(transcoder, refuse)
	r.service(service, todos)
	r.get("/openapi.yaml", serveOpenAPI(cfg.OpenAPI))
	r.probe("/livez", health.serveLive)
	r.probe("/readyz", health.serveReady)
	r.probe("/api/health", health.serveReady)

	_, grpcHealth := grpchealth.NewHandler(health, options, withoutCompression())
	r.procedure(procedure{name: "/grpc.health.v1.Health/Check", probe: true, handler: grpcHealth})
	r.procedure(procedure{
		name: "/grpc.health.v1.Health/Watch", probe: true, handler: grpcHealth,
		stream: &stream{messages: 1, anonymous: true, endsItself: true},
	})
	if cfg.Reflection {
		reflector := grpcreflect.NewStaticReflector(serviceName, grpchealth.HealthV1ServiceName)
		reflection := &stream{length: streamLength, messages: maxStreamMessages, anonymous: true}
		cache := connect.WithInterceptors(newReflectionCache())
		_, v1 := grpcreflect.NewHandlerV1(reflector, options, withoutCompression(), cache)
		r.procedure(procedure{name: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", stream: reflection, bidi: true, handler: v1})
		_, v1alpha := grpcreflect.NewHandlerV1Alpha(reflector, options, withoutCompression(), cache)
		r.procedure(procedure{name: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", stream: reflection, bidi: true, handler: v1alpha})
	}
	return r, nil
}

// withHeaders keeps answers out of caches, and browsers from guessing what
// they are. It has connections end that can't be trusted any more.
func withHeaders(next http.Handler) http.Handler {
	// Shared by all answers: Set replaces a slice, and Add copies one as full
	// as these.
	noStore, noSniff, end := []string{"no-store"}, []string{"nosniff"}, []string{"close"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
		if hasDoubtfulLength(r) {
			header["Connection"] = end
		}
		next.ServeHTTP(w, r)
	})
}
