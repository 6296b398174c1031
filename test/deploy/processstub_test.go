//go:build linux

package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/auth/authtest"
)

// stub stands for a process of the service behind a balancer. It takes the tokens that the
// service takes, and says who called and where.
type stub struct {
	name    string
	address string
	server  *http.Server

	verifier *auth.Verifier
	ready    atomic.Bool
	calls    atomic.Int64 // Those of users.
	// Ends the streams of this process.
	endStreams func()
	streamsEnd chan struct{}
}

// seen is a stub's response.
type seen struct {
	At         string // The stub's name.
	User       string // Whose token it was, for a call that needs one.
	Connection string // The balancer's end.
}

// startStub starts a stub at an address until the test ends.
func startStub(t *testing.T, name, address string, issuer *authtest.Issuer) *stub {
	t.Helper()
	keys := auth.NewKeySet(auth.KeySetConfig{URL: issuer.KeySetURL()})
	t.Cleanup(keys.Close)
	s := &stub{
		name:       name,
		address:    address,
		verifier:   auth.NewVerifier(auth.Config{Issuer: issuer.Origin(), Audience: issuer.Origin(), Keys: keys}),
		streamsEnd: make(chan struct{}),
	}
	s.endStreams = sync.OnceFunc(func() { close(s.streamsEnd) })
	s.ready.Store(true)
	s.listen(t)
	t.Cleanup(s.stop)
	return s
}

func (s *stub) listen(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{Handler: s.routes(), Protocols: protocols, ReadHeaderTimeout: patience}
	go func() { _ = s.server.Serve(listener) }() // Ends with the server.
}

// stop ends the process at once, with all of its connections.
func (s *stub) stop() {
	s.endStreams()
	_ = s.server.Close()
}

func (s *stub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", s.serve)
	return mux
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	answer := seen{At: s.name, Connection: r.RemoteAddr}
	if token, err := auth.BearerToken(r.Header); err == nil {
		if who, err := s.verifier.Verify(r.Context(), token); err == nil {
			answer.User = who.User.String()
		}
	}
	if answer.User == "" && r.Method != http.MethodOptions {
		w.WriteHeader(http.StatusUnauthorized)
	}
	s.calls.Add(1)
	switch r.URL.Path {
	case "/api/flood": // More than anybody reads.
		w.Header().Set("X-Connection", r.RemoteAddr)
		piece := make([]byte, 16<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	case "/api/events": // One event, and another one when the process ends its streams.
		w.Header().Set("X-At", s.name)
		_, _ = fmt.Fprintf(w, "data: %s\n\n", s.name)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.streamsEnd:
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprint(w, "data: end\n\n")
	case "/api/crash": // The connection breaks after the request was taken.
		panic(http.ErrAbortHandler)
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// seenBy decodes a stub's response.
func seenBy(a answer) (seen, error) {
	var s seen
	if a.err != nil {
		return s, a.err
	}
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		return s, err
	}
	if s.At == "" {
		return s, errors.New("a response of no stub: " + a.body)
	}
	return s, nil
}

// newPlainCaller returns a caller without TLS, over HTTP/2 or HTTP/1.1.
func newPlainCaller(t *testing.T, http2 bool) *caller {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, IdleConnTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{&http.Client{Transport: transport, Timeout: patience}}
}
