//go:build linux

package stack

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
)

// issuerKey is every issuer's key.
//
//nolint:gochecknoglobals // Making a key takes longer than starting the service.
var issuerKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Issuer is an issuer of tokens that can go away and come back.
type Issuer struct {
	*authtest.Issuer
	address string
	server  *http.Server // nil while it is away.

	mu      sync.Mutex
	tokens  map[string]string // By user: signing takes a while too.
	fetched []time.Time
}

// ServeHTTP notes when the keys are asked for.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.fetched = append(i.fetched, time.Now())
	i.mu.Unlock()
	i.Issuer.ServeHTTP(w, r)
}

// FetchTimes returns when the keys were asked for.
func (i *Issuer) FetchTimes() []time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

// NewIssuer returns an issuer that is away.
func NewIssuer(t *testing.T) *Issuer {
	t.Helper()
	i := &Issuer{address: FreeAddress(t), tokens: make(map[string]string)}
	var err error
	i.Issuer, err = authtest.NewIssuer(authtest.Config{BaseURL: "http://" + i.address, Life: time.Hour, NewKey: issuerKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Leave)
	return i
}

// StartIssuer returns an issuer that is there.
func StartIssuer(t *testing.T) *Issuer {
	t.Helper()
	i := NewIssuer(t)
	i.Come(t)
	return i
}

// Come begins to serve.
func (i *Issuer) Come(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", i.address)
	if err != nil {
		t.Fatal(err)
	}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: Patience}
	go func(server *http.Server) { _ = server.Serve(listener) }(i.server) // Ends with ErrServerClosed.
}

// Leave closes the listener and all connections.
func (i *Issuer) Leave() {
	if i.server != nil {
		_ = i.server.Close() // It can't be served on any more, whatever it says.
		i.server = nil
	}
}

// Bearer returns the Authorization header of a user.
func (i *Issuer) Bearer(user string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tokens[user] == "" {
		i.tokens[user] = i.Token(user)
	}
	return "Bearer " + i.tokens[user]
}
