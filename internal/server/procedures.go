package server

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"connectrpc.com/connect"
)

// procedure serves one method of a service. It rejects HTTP methods and content
// types that the method does not serve; the errors of Connect's handler would look
// different. It converts a GET to a POST.
type procedure struct {
	name    string        // The path, and the name in the log.
	reads   bool          // It has no side effects, so GET is served.
	stream  *streamConfig // nil for a unary method.
	bidi    bool          // It streams in both directions, which needs HTTP/2.
	probe   bool
	handler http.Handler

	// Set by routes.
	refuse       refuser
	anonymous    *anonymousStreams
	contentTypes []string      // The media types that it is served with.
	open         *atomic.Int64 // Streams under way; nil for a unary method.
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
		r.URL.RawQuery = "" // It has no meaning, and Connect would parse it.
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
			if conn.isIdleStranger() {
				w.Header().Set("Connection", "close") // Over HTTP/2 it is a GOAWAY.
			}
			p.refuse.error(w, r, errTooManyStreams)
			return
		}
		defer p.anonymous.release(conn)
	} else if p.probe {
		state.response.acquire() // Before it waits for its message, and for the database.
	}
	if p.open != nil {
		p.open.Add(1)
		defer p.open.Add(-1)
	}
	p.handler.ServeHTTP(w, r)
}

func (p *procedure) allow() string {
	if p.reads {
		return "GET, POST"
	}
	return "POST"
}

// contentTypesOf lists the media types that a method is served with.
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

// grpcPrefix begins the media types of gRPC and gRPC-Web.
const grpcPrefix = "application/grpc"

// canonicalContentType returns the media type of a request in the spelling that
// Connect's handlers know. The only parameter that it accepts is the charset of
// JSON, if it is UTF-8 (RFC 8259 section 8.1).
func (p *procedure) canonicalContentType(r *http.Request) (string, bool) {
	contentType := r.Header.Get("Content-Type")
	if slices.Contains(p.contentTypes, contentType) {
		return contentType, true // The usual case.
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || protocolOf(r) == protocolHTTP && strings.HasPrefix(mediaType, grpcPrefix) {
		return "", false // withBody knows gRPC by the exact spelling only.
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
