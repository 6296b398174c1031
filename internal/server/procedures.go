package server

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
)

// procedure stands before a method's Connect handler and refuses, in the one
// shape, what the handler would answer without it: verbs and content types
// that it doesn't serve. A GET request becomes the POST request that it means.
type procedure struct {
	name    string        // Its path, which is also its name in the log.
	reads   bool          // Has no side effects, so that GET is served.
	stream  *streamConfig // nil when it does not stream.
	bidi    bool          // Streams both ways, which HTTP/1.1 can't.
	probe   bool
	handler http.Handler

	// What routes fill in.
	refuse       refuser
	anonymous    *anonymousStreams
	contentTypes []string // The media types that it is served in.
}

func (p *procedure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	state := stateOf(r.Context())
	state.procedure, state.probe = p.name, p.probe
	if state.protocol == protocolHTTP {
		state.protocol = connect.ProtocolConnect
	}
	switch {
	case r.Method == http.MethodPost:
		contentType, ok := p.canonicalContentType(r)
		if !ok {
			p.refuseContentType(w, r)
			return
		}
		if contentType != r.Header.Get("Content-Type") {
			r.Header.Set("Content-Type", contentType)
		}
		r.URL.RawQuery = "" // It means nothing, and Connect would parse it.
	case r.Method == http.MethodGet && p.reads:
		call, problem := postFromGet(r)
		if problem != "" {
			p.refuse.refuse(w, r, http.StatusBadRequest, connect.CodeInvalidArgument, problem)
			return
		}
		r, state.protocol = call, connect.ProtocolConnect
	default:
		p.refuse.methodNotAllowed(w, r, p.allow())
		return
	}
	if p.bidi && r.ProtoMajor < 2 {
		w.Header().Set("Connection", "close")
		p.refuse.refuse(w, r, http.StatusHTTPVersionNotSupported, connect.CodeUnimplemented, "this stream needs HTTP/2")
		return
	}
	if p.stream != nil && p.stream.anonymous {
		conn := clientConnOf(r.Context())
		if !p.anonymous.acquire(conn) {
			p.refuse.error(w, r, errTooManyStreams)
			return
		}
		defer p.anonymous.release(conn)
	} else if p.probe {
		state.response.acquire() // Before it waits for its message, and for the database.
	}
	p.handler.ServeHTTP(w, r)
}

func (p *procedure) allow() string {
	if p.reads {
		return "GET, POST"
	}
	return "POST"
}

// contentTypesOf lists what a method is served in, by its media types.
func contentTypesOf(streams bool) []string {
	grpc := []string{
		"application/grpc", "application/grpc+proto", "application/grpc+json",
		"application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json",
	}
	if streams {
		return append(grpc, "application/connect+json", "application/connect+proto")
	}
	return append(grpc, "application/json", "application/proto")
}

// grpcPrefix is how the media types of gRPC and gRPC-Web begin.
const grpcPrefix = "application/grpc"

// canonicalContentType returns the media type of a request in the one spelling
// that the handlers know. The only parameter it lets pass is JSON's charset,
// when it is UTF-8, which JSON is anyway (RFC 8259 section 8.1).
func (p *procedure) canonicalContentType(r *http.Request) (string, bool) {
	contentType := r.Header.Get("Content-Type")
	if slices.Contains(p.contentTypes, contentType) {
		return contentType, true // Nearly always.
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || protocolOf(r) == protocolHTTP && strings.HasPrefix(mediaType, grpcPrefix) {
		return "", false // The body's bounds go by the exact type, too.
	}
	for name, value := range params {
		if mediaType != "application/json" || name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", false
		}
	}
	return mediaType, slices.Contains(p.contentTypes, mediaType)
}

func (p *procedure) refuseContentType(w http.ResponseWriter, r *http.Request) {
	accepted := strings.Join(p.contentTypes, ", ")
	w.Header().Set("Accept-Post", accepted)
	p.refuse.refuse(w, r, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument,
		"Content-Type must be one of "+accepted)
}
