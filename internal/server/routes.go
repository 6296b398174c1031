package server

import (
	"net/http"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// routes finds the handler of a path. Paths are compared as they are sent. Nothing
// is cleaned or redirected, so every error has the same form.
type routes struct {
	exact     map[string]http.Handler
	streams   map[string]*streamConfig
	open      map[string]*atomic.Int64 // The streams of each procedure that are under way.
	anonymous anonymousStreams
	refuse    refuser

	rest       Transcoder // Serves the paths that begin with restPrefix; may be nil.
	restPrefix string
}

// Transcoder converts REST requests to Connect calls of a service.
type Transcoder interface {
	http.Handler

	// StreamOf returns the procedure of the stream that a request opens, and "" for any
	// other request.
	StreamOf(r *http.Request) string
}

func newRoutes(refuse refuser) *routes {
	return &routes{exact: make(map[string]http.Handler), streams: make(map[string]*streamConfig), open: make(map[string]*atomic.Int64), refuse: refuse}
}

func (rs *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler, ok := rs.exact[r.URL.Path]; ok {
		handler.ServeHTTP(w, r)
		return
	}
	if rs.isREST(r) {
		state := stateOf(r.Context())
		state.protocol = protocolREST
		if state.stream != nil {
			open := rs.open[rs.rest.StreamOf(r)]
			open.Add(1)
			defer open.Add(-1)
		}
		rs.rest.ServeHTTP(w, r)
		return
	}
	rs.refuse.notFound(w, r)
}

func (rs *routes) isREST(r *http.Request) bool {
	return rs.rest != nil && strings.HasPrefix(r.URL.Path, rs.restPrefix)
}

// streamOf returns the bounds of the stream that a request opens, or nil when it is
// not for a streaming method.
func (rs *routes) streamOf(r *http.Request) *streamConfig {
	if rs.isREST(r) {
		return rs.streams[rs.rest.StreamOf(r)]
	}
	return rs.streams[r.URL.Path]
}

// service adds every method of a service.
func (rs *routes) service(service protoreflect.ServiceDescriptor, handler http.Handler) {
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		options, _ := method.Options().(*descriptorpb.MethodOptions)
		rs.procedure(procedure{
			name:    "/" + string(service.FullName()) + "/" + string(method.Name()),
			reads:   options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
			stream:  defaultStream(method),
			bidi:    method.IsStreamingClient() && method.IsStreamingServer(),
			handler: handler,
		})
	}
}

// defaultStream returns the bounds of a method's streams, or nil for a unary
// method.
func defaultStream(method protoreflect.MethodDescriptor) *streamConfig {
	switch {
	case method.IsStreamingClient():
		return &streamConfig{maxDuration: maxStreamDuration, maxMessages: maxStreamMessages}
	case method.IsStreamingServer():
		return &streamConfig{maxDuration: maxStreamDuration, maxMessages: 1}
	}
	return nil
}

// procedure adds a method.
func (rs *routes) procedure(p procedure) {
	p.refuse, p.anonymous, p.contentTypes = rs.refuse, &rs.anonymous, contentTypesOf(p.stream != nil)
	rs.exact[p.name] = &p
	if p.stream != nil {
		rs.streams[p.name] = p.stream
		p.open = new(atomic.Int64)
		rs.open[p.name] = p.open
	}
}

// get adds a path that is served to GET and HEAD.
func (rs *routes) get(path string, handler http.HandlerFunc) {
	rs.exact[path] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			rs.refuse.methodNotAllowed(w, r, "GET, HEAD")
			return
		}
		handler(w, r)
	})
}

// probe adds a path as get does. Its requests are logged at debug, since
// orchestrators send one every few seconds.
func (rs *routes) probe(path string, handler http.HandlerFunc) {
	rs.get(path, func(w http.ResponseWriter, r *http.Request) {
		state := stateOf(r.Context())
		state.probe = true
		state.response.acquire() // Before it waits for the database.
		handler(w, r)
	})
}
