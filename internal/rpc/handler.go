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
	health     *health
	endStreams context.CancelFunc
}

// New returns the handler of all routes. It fails when the contract uses what
// the REST transcoder can't serve.
func New(cfg Config) (*Handler, error) {
	errs := newErrorRenderer()
	refuse := newRefuser(errs)
	health := &health{ping: cfg.Ping}
	draining, endStreams := context.WithCancel(context.Background())

	routes, err := newRoutes(cfg, errs, refuse, health)
	if err != nil {
		endStreams()
		return nil, err
	}

	// The middleware, from the inside out: a request passes it from the last
	// line to the first.
	handler := withSize(routes)
	handler = withDeadline(draining, routes.isStream, handler)
	handler = withCORS(cfg.Origins, cfg.Headers, handler) // Answers preflights, which have no token.
	handler = withHeaders(handler)
	handler = withRecover(refuse, handler)
	handler = withLog(cfg.Logger, handler) // Around recover: a panic is one line too.
	handler = withRequestID(handler)
	handler = withExchange(handler) // What they all share.
	return &Handler{Handler: handler, health: health, endStreams: endStreams}, nil
}

// StartDraining turns the readiness endpoints to 503. Calls are served as
// before.
func (h *Handler) StartDraining() { h.health.draining.Store(true) }

// EndStreams ends reflection streams and health watches, which would otherwise
// outlast the wait for requests in flight.
func (h *Handler) EndStreams() { h.endStreams() }

// newRoutes lays out every path that is served.
func newRoutes(cfg Config, errs *errorRenderer, refuse refuser, health *health) (*routes, error) {
	options := connect.WithHandlerOptions(append(codecs(), connect.WithReadMaxBytes(maxDecodedBytes))...)
	authenticate := &authInterceptor{verifier: cfg.Verifier, limiter: newLimiter(cfg.RateLimit), errors: errs}
	_, todos := todov1connect.NewTodoServiceHandler(&todoServer{todos: cfg.Todos},
		options,
		connect.WithRequestGate(authenticate.intercept),
		connect.WithInterceptors(errs.interceptor()), // Outermost: it renders what the others return.
		connect.WithRecover(recoverCall),
		connect.WithInterceptors(validate.NewInterceptor()),
	)
	service := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	transcoder, err := rest.NewTranscoder(rest.Config{Service: service, RPC: todos, Refuse: refuse.transcoding})
	if err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}

	r := &routes{exact: make(map[string]http.Handler), streams: make(map[string]bool), rest: transcoder, refuse: refuse}
	r.service(service, todos)
	r.get("/openapi.yaml", serveOpenAPI(cfg.OpenAPI))
	r.probe("/livez", health.serveLive)
	r.probe("/readyz", health.serveReady)
	r.probe("/api/health", health.serveReady)

	_, grpcHealth := grpchealth.NewHandler(health, options)
	r.procedure(procedure{name: "/grpc.health.v1.Health/Check", probe: true, handler: grpcHealth})
	r.procedure(procedure{name: "/grpc.health.v1.Health/Watch", probe: true, streams: true, handler: grpcHealth})
	if cfg.Reflection {
		reflector := grpcreflect.NewStaticReflector(serviceName, grpchealth.HealthV1ServiceName)
		_, v1 := grpcreflect.NewHandlerV1(reflector, options)
		r.procedure(procedure{name: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", streams: true, bidi: true, handler: v1})
		_, v1alpha := grpcreflect.NewHandlerV1Alpha(reflector, options)
		r.procedure(procedure{name: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", streams: true, bidi: true, handler: v1alpha})
	}
	return r, nil
}

// withHeaders keeps answers out of caches, and browsers from guessing what
// they are.
func withHeaders(next http.Handler) http.Handler {
	// Shared by all answers: Set replaces a slice, and Add copies one as full
	// as these.
	noStore, noSniff := []string{"no-store"}, []string{"nosniff"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
		next.ServeHTTP(w, r)
	})
}
