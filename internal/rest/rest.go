// Package rest serves a Connect service as REST, by the google.api.http
// options of its methods.
//
// A request is rewritten, not re-encoded. It becomes the Connect call that a
// client would have made (POST /package.Service/Method, JSON). Path variables and query
// parameters become members of the message's JSON. The Connect handler's response is
// sent unchanged. So authentication, bounds, validation and errors are the same over
// both protocols.
//
// The package serves a subset of google.api.http: one verb and one path per method,
// variables of a single segment that name scalar fields, custom verbs after the last
// segment (AIP-136), and all other fields either in the body ("*") or in the query.
// [NewTranscoder] rejects everything else.
//
// A method that streams its response is a GET of server-sent events (text/event-stream),
// whatever the header Accept says. The data of each event is a message. An error before the
// first message is the response, as of any other method. A later one is the event "error",
// with the same JSON as its data. When messages have a string field next_x and the request a
// string field x, the former is the event's id, and the header Last-Event-ID becomes the
// latter. The header takes precedence over the query, because a client that reconnects sends
// its first URL again. Such a path has no HEAD, which would last as long as the stream.
//
// Messages with a field "etag" (AIP-154) have HTTP's conditions too: the header ETag in
// responses, If-None-Match for GET, and If-Match for methods whose request has the field.
//
// There are three steps: route.go finds the method, params.go turns the path and the
// query into members, and body.go inserts them into the message. etag.go has the conditions,
// events.go the streams.
package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Config configures a [Transcoder]. All fields are required.
type Config struct {
	// Service is the service to serve. Methods without a google.api.http option are
	// left out.
	Service protoreflect.ServiceDescriptor

	// RPC is the Connect handler of the service. Its bound on messages includes the
	// members that the path adds. Its JSON codec must reject an empty body. It must
	// also reject duplicate keys, as protojson does: a field that is both in the path
	// and in the body becomes one.
	RPC http.Handler

	// Refuse responds to a request that matches no method, with the status and the
	// message in the service's error format. The headers that the response needs are
	// already set.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
}

// Refusal says why a request matches no method, and so doesn't reach the Connect
// handler. Errors in the fields of a request are not refusals: they fail in the Connect
// handler like a message that can't be decoded, after the caller is authenticated.
type Refusal struct {
	// Status is 404 for an unknown path, 405 for a verb that the path doesn't serve,
	// and 415 for a body that is not plain JSON.
	Status int

	// Message tells the caller what to do instead. It quotes nothing of the request.
	Message string

	// Allow lists the verbs of the path when Status is 405, as the Allow
	// header has them (RFC 9110 section 10.2.1). It is empty otherwise.
	Allow string
}

// Transcoder serves the REST routes of a service. Its zero value is not
// usable; [NewTranscoder] makes one.
type Transcoder struct {
	routes routes
	depth  int // The most segments that a route's path has.
	rpc    http.Handler
	refuse func(http.ResponseWriter, *http.Request, Refusal)
}

// NewTranscoder returns the transcoder of a service. It fails, naming the
// method and the cause, when a google.api.http option is outside the subset or
// when two of them serve the same paths.
func NewTranscoder(cfg Config) (*Transcoder, error) {
	if cfg.Service == nil || cfg.RPC == nil || cfg.Refuse == nil {
		return nil, errors.New("rest: Service, RPC and Refuse are all required")
	}
	t := &Transcoder{rpc: cfg.RPC, refuse: cfg.Refuse}
	for i := range cfg.Service.Methods().Len() {
		method := cfg.Service.Methods().Get(i)
		if !hasOption(method) {
			continue
		}
		r, err := newRoute(method)
		if err != nil {
			return nil, fmt.Errorf("rest: %s: %w", method.FullName(), err)
		}
		for _, other := range t.routes {
			if r.Method == other.Method && r.template.clashes(other.template) {
				return nil, fmt.Errorf("rest: %s: %s %s serves the same paths as %s %s of %s",
					method.FullName(), r.Method, r.Path, other.Method, other.Path, other.Procedure)
			}
		}
		t.routes = append(t.routes, r)
		t.depth = max(t.depth, len(r.template.segments))
	}
	return t, nil
}

// Routes lists the routes in the contract's order.
func (t *Transcoder) Routes() []Route {
	routes := make([]Route, len(t.routes))
	for i, r := range t.routes {
		routes[i] = r.Route
	}
	return routes
}

// ServeHTTP serves a REST request. HEAD is served as GET; net/http drops the body of
// the response. Headers that override the verb are ignored.
//
// The path must be as the client sent it. [http.ServeMux] would redirect paths with
// empty or dot segments, which are 404 here.
func (t *Transcoder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := splitPath(sentPath(r.URL), t.depth)
	found := t.routes.find(r.Method, p)
	if found == nil {
		t.refuseRoute(w, r, p)
		return
	}
	if found.hasBody && !t.acceptBody(w, r) {
		return
	}
	if found.streams {
		events := &eventStream{writer: &eventWriter{ResponseWriter: w}, id: found.eventID}
		r = r.WithContext(context.WithValue(r.Context(), eventsKey{}, events))
		w = events.writer
	}
	if ifNoneMatch := r.Header["If-None-Match"]; found.returnsEtag && found.Method == http.MethodGet && len(ifNoneMatch) > 0 {
		w = &notModifiedWriter{ResponseWriter: w, ifNoneMatch: ifNoneMatch}
	}
	t.rpc.ServeHTTP(w, found.rewrite(r, p.segments))
}

// StreamOf returns the procedure of the stream that a request opens, and "" for any other
// request. It is for what has to be known before the request is served.
func (t *Transcoder) StreamOf(r *http.Request) string {
	escaped := sentPath(r.URL)
	if strings.IndexByte(escaped, ':') < 0 { // The usual case: no custom verb.
		return ""
	}
	found := t.routes.find(r.Method, splitPath(escaped, t.depth))
	if found == nil || !found.streams {
		return ""
	}
	return found.Procedure
}

// sentPath returns a path as it was sent. [url.URL.EscapedPath] would escape the decoded
// path again when the client left a character unescaped. Then it is no longer known
// which characters the client escaped.
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// refuseRoute responds to a path or a verb that no route serves.
func (t *Transcoder) refuseRoute(w http.ResponseWriter, r *http.Request, p path) {
	allow := t.routes.allow(p)
	if allow == "" {
		t.refuse(w, r, Refusal{
			Status:  http.StatusNotFound,
			Message: "there is nothing at this path; mind that paths here don't end in a slash",
		})
		return
	}
	w.Header().Set("Allow", allow)
	t.refuse(w, r, Refusal{
		Status:  http.StatusMethodNotAllowed,
		Message: "this path does not serve this verb; use one of " + allow,
		Allow:   allow,
	})
}

// acceptBody reports whether a request's body is plain JSON, and rejects the request
// when it is not (RFC 9110 section 15.5.16).
func (t *Transcoder) acceptBody(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case !isJSON(r.Header):
		w.Header().Set("Accept", jsonType)
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Accept-Post", jsonType)
		case http.MethodPatch:
			w.Header().Set("Accept-Patch", jsonType) // RFC 5789 section 3.1.
		}
		t.refuse(w, r, Refusal{
			Status:  http.StatusUnsupportedMediaType,
			Message: "send the body as JSON, with the header Content-Type: application/json",
		})
		return false
	case isEncoded(r.Header):
		w.Header().Set("Accept-Encoding", identity)
		t.refuse(w, r, Refusal{
			Status:  http.StatusUnsupportedMediaType,
			Message: "send the body uncompressed, without the header Content-Encoding",
		})
		return false
	}
	return true
}

// rewrite returns the Connect call for a request. It neither changes the request nor
// reads its body.
func (rt *route) rewrite(r *http.Request, segments []string) *http.Request {
	ctx := r.Context()
	if rt.returnsEtag {
		ctx = context.WithValue(ctx, etagKey{}, true)
	}
	call := r.WithContext(ctx)
	call.Method = http.MethodPost
	call.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: rt.Procedure}
	call.RequestURI = rt.Procedure
	call.TransferEncoding = nil
	call.Header = r.Header.Clone()
	if call.Header == nil {
		call.Header = make(http.Header)
	}
	call.Header.Del("Content-Encoding")
	call.Header.Del("Content-Length")
	call.Header.Set("Content-Type", jsonType)
	if rt.streams {
		call.Header.Set("Content-Type", streamType)
		call.Header.Del("Connect-Content-Encoding")
		call.Header.Del("Connect-Accept-Encoding") // Or messages would come compressed.
	}
	call.Header.Set("Connect-Protocol-Version", "1")
	call.Body, call.ContentLength = rt.message(r, segments)
	return call
}
