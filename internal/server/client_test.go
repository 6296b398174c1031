package server

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// protocol is one that streams are spoken in.
type protocol struct {
	name    string
	http2   bool
	options []connect.ClientOption
}

func protocols() []protocol {
	return []protocol{
		{"Connect with JSON over HTTP/1.1", false, []connect.ClientOption{connect.WithProtoJSON()}},
		{"Connect over HTTP/2", true, nil},
		{"gRPC", true, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web over HTTP/1.1", false, []connect.ClientOption{connect.WithGRPCWeb()}},
		{"gRPC-Web with JSON over HTTP/2", true, []connect.ClientOption{connect.WithGRPCWeb(), connect.WithProtoJSON()}},
	}
}

// client returns a client of one of the two streams, and all that it hears.
func (p protocol) client(t *testing.T, url string) (*connect.Client[todov1.GetTodoRequest, todov1.Todo], *wire) {
	t.Helper()
	w := &wire{next: p.httpClient(t).Transport}
	return connect.NewClient[todov1.GetTodoRequest, todov1.Todo](&http.Client{Transport: w}, url, p.options...), w
}

// wire keeps the bytes of the answers that pass it.
type wire struct {
	next http.RoundTripper
	last *http.Response
	body bytes.Buffer
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(req)
	if err == nil {
		w.last = res
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(res.Body, &w.body), res.Body}
	}
	return res, err
}

// heard is all of the last answer, once it has been read.
func (w *wire) heard() string {
	var all strings.Builder
	if w.last != nil {
		_ = w.last.Header.Write(&all)
		_ = w.last.Trailer.Write(&all)
	}
	return all.String() + w.body.String()
}

// httpClient returns a client that has connections of its own.
func (p protocol) httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!p.http2)
	transport.Protocols.SetUnencryptedHTTP2(p.http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
