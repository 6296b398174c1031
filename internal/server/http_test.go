package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnHTTP2ReaderOfNothingIsLetGo has a client that reads no byte of its
// connection. A stream's deadline does not end its handler: the reset waits to be
// written, too.
func TestAnHTTP2ReaderOfNothingIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 1)
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10)) // The test is about when it fails.
			ended <- time.Now()
		})
		server := newHTTPServer(handler, newTracked(1), time.Hour, slog.New(slog.DiscardHandler))
		listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan struct{})
		go func() {
			_ = server.Serve(listener) // It fails when it is closed.
			close(served)
		}()
		client, conn := net.Pipe()
		listener.conns <- conn

		began := time.Now()
		newFrames(t, client, 0).request("GET", "/", nil)
		if took := (<-ended).Sub(began); took != chunkTimeout {
			t.Errorf("the handler was held for %v, want %v", took, chunkTimeout)
		}
		synctest.Wait()
		if _, err := client.Write([]byte{0}); err == nil {
			t.Error("the connection is open")
		}
		_ = server.Close()
		<-served
	})
}
