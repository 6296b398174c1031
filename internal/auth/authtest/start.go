package authtest

import (
	"context"
	"net"
	"net/http"
	"time"
)

// TB is the part of [testing.TB] that [Start] needs. It keeps package testing out of
// the development program that links this package.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(stop func())
	Fatalf(format string, args ...any)
}

// Start returns an issuer that is served on a free port of the loopback interface
// until the test ends. The options change its configuration, in which BaseURL is
// already set.
func Start(t TB, options ...func(*Config)) *Issuer {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("authtest: listening: %v", err)
	}
	cfg := Config{BaseURL: "http://" + listener.Addr().String()}
	for _, option := range options {
		option(&cfg)
	}
	issuer, err := NewIssuer(cfg)
	if err != nil {
		_ = listener.Close()
		t.Fatalf("%v", err)
	}
	server := &http.Server{Handler: issuer, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // Ends with ErrServerClosed.
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return issuer
}
