package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/rpc"
)

// oneConn is a listener of one connection, in memory.
type oneConn chan net.Conn

func (c oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-c; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (c oneConn) Close() error { close(c); return nil }
func (oneConn) Addr() net.Addr { return &net.TCPAddr{} }

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
		server := newServer(handler, newTracked(1), time.Hour, slog.New(slog.DiscardHandler))
		listener := make(oneConn, 1)
		served := make(chan struct{})
		go func() {
			_ = server.Serve(listener) // It fails when it is closed.
			close(served)
		}()
		client, conn := net.Pipe()
		listener <- conn

		began := time.Now()
		frames := appendFrame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameSettings, 0, 0, nil)
		var block []byte
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}} {
			block = appendString(appendString(append(block, 0), field[0]), field[1])
		}
		frames = appendFrame(frames, frameHeaders, flagEndStream|flagEndHeaders, 1, block)
		if _, err := client.Write(frames); err != nil {
			t.Fatal(err)
		}
		if took := (<-ended).Sub(began); took != rpc.PieceTimeout {
			t.Errorf("the handler was held for %v, want %v", took, rpc.PieceTimeout)
		}
		synctest.Wait()
		if _, err := client.Write([]byte{0}); err == nil {
			t.Error("the connection is open")
		}
		_ = server.Close()
		<-served
	})
}
