package server

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that a server can be
// in a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// serveResponses serves a handler's answers, bounded and logged, until the test
// ends, and returns what connects to it. The path of streams is /stream.
func serveResponses(t *testing.T, log io.Writer, unread *unreadResponses, handler http.HandlerFunc) (connect func() net.Conn) {
	t.Helper()
	streams := map[string]*streamConfig{"/stream": {maxMessages: 1}}
	next := withDeadline(t.Context(), func(r *http.Request) *streamConfig { return streams[r.URL.Path] }, handler)
	logger := slog.New(slog.NewJSONHandler(log, nil))
	return servePipes(t, withState(withLog(logger, withResponse(unread, withRecover(newRefuser(newErrorRenderer(testErrors().Lookup)), next)))))
}

// servePipes serves a handler until the test ends, and returns what connects to it.
func servePipes(t *testing.T, handler http.Handler) (connect func() net.Conn) {
	t.Helper()
	server := newTestServer(handler)
	server.WriteTimeout = writeTimeout
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener) // It fails when it is closed.
		close(served)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return func() net.Conn {
		client, conn := net.Pipe()
		listener.conns <- conn
		return client
	}
}

// newTestServer serves both versions of HTTP, as todod does.
func newTestServer(handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, ConnContext: connContext, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}

const longResponse = 100 << 10

func writeLong(w http.ResponseWriter, r *http.Request) {
	stateOf(r.Context()).admitted = true
	_, _ = w.Write(bytes.Repeat([]byte("x"), longResponse)) // The test is about when it fails.
}

func TestAReaderThatStopsIsLetGo(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*testing.T, net.Conn){
		"HTTP/2": func(t *testing.T, conn net.Conn) {
			t.Helper()
			f := newFrames(t, conn, 0)
			if data, reset := f.body(f.request("GET", "/", nil)); !reset || len(data) != 0 {
				t.Errorf("%d bytes, reset %v", len(data), reset)
			}
		},
		"HTTP/2, after two pieces": func(t *testing.T, conn net.Conn) {
			t.Helper()
			f := newFrames(t, conn, 2*chunkBytes)
			if data, reset := f.body(f.request("GET", "/", nil)); !reset || len(data) != 2*chunkBytes {
				t.Errorf("%d bytes, reset %v", len(data), reset)
			}
		},
		"HTTP/1.1": func(t *testing.T, conn net.Conn) {
			t.Helper()
			writeText(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			time.Sleep(chunkTimeout + time.Millisecond)
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("the connection is open")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := new(bytes.Buffer)
				connect := serveResponses(t, log, newUnreadResponses(nil), writeLong)
				began := time.Now()
				conn := connect()
				defer conn.Close()
				read(t, conn)
				synctest.Wait()
				if took := time.Since(began).Round(time.Second); took != chunkTimeout {
					t.Errorf("it took %v", took)
				}
				if !strings.Contains(log.String(), `"code":"canceled"`) || !strings.Contains(log.String(), `"reason":"unread"`) {
					t.Errorf("logged %s", log)
				}
			})
		})
	}
}

func TestASlowReaderGetsTheWholeAnswer(t *testing.T) {
	t.Parallel()
	const pause = chunkTimeout - time.Second
	for name, read := range map[string]func(*testing.T, net.Conn) int{
		"HTTP/2": func(t *testing.T, conn net.Conn) int {
			t.Helper()
			f := newFrames(t, conn, 0)
			stream := f.request("GET", "/", nil)
			go func() {
				for range longResponse/chunkBytes + 1 {
					time.Sleep(pause)
					f.open(0, chunkBytes)
					f.open(stream, chunkBytes)
				}
			}()
			data, reset := f.body(stream)
			if reset {
				t.Error("reset")
			}
			return len(data)
		},
		"HTTP/1.1": func(t *testing.T, conn net.Conn) int {
			t.Helper()
			writeText(t, conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReaderSize(conn, chunkBytes), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			for total, piece := 0, make([]byte, chunkBytes); ; {
				n, err := res.Body.Read(piece)
				total += n
				if err != nil {
					return total
				}
				time.Sleep(pause / 2) // A piece may take two reads.
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				connect := serveResponses(t, io.Discard, newUnreadResponses(nil), writeLong)
				began := time.Now()
				conn := connect()
				defer conn.Close()
				if got := read(t, conn); got != longResponse {
					t.Errorf("%d bytes, want %d", got, longResponse)
				}
				if took := time.Since(began); took < 2*chunkTimeout {
					t.Errorf("it took %v, which is no test", took)
				}
			})
		})
	}
}

func TestEachMessageOfAStreamHasItsOwnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const messages, pause = 3, writeTimeout + time.Second
		log := new(bytes.Buffer)
		connect := serveResponses(t, log, newUnreadResponses(nil), func(w http.ResponseWriter, r *http.Request) {
			for range messages {
				time.Sleep(pause)
				_, _ = io.WriteString(w, "message")
				flushNow(t, w)
			}
			_, _ = io.WriteString(w, "unread")
			flushNow(t, w)
			<-r.Context().Done()
		})
		conn := connect()
		defer conn.Close()
		f := newFrames(t, conn, uint32(messages*len("message")))
		began := time.Now()
		data, reset := f.body(f.request("GET", "/stream", nil))
		if string(data) != strings.Repeat("message", messages) || !reset {
			t.Errorf("%q, reset %v", data, reset)
		}
		if took := time.Since(began).Round(time.Second); took != messages*pause+chunkTimeout {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if !strings.Contains(log.String(), `"reason":"unread"`) {
			t.Errorf("logged %s", log)
		}
	})
}

func TestWhatNetHTTPAnswersByItselfIsLetGoToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connect := serveResponses(t, io.Discard, newUnreadResponses(nil), func(http.ResponseWriter, *http.Request) {
			t.Error("a request with a header that HTTP/2 does not have reaches the handler")
		})
		conn := connect()
		defer conn.Close()
		f := newFrames(t, conn, 0)
		began := time.Now()
		if data, reset := f.body(f.request("GET", "/", nil, "connection", "close")); len(data) != 0 || !reset {
			t.Errorf("%q, reset %v", data, reset)
		}
		if took := time.Since(began).Round(time.Second); took != writeTimeout {
			t.Errorf("it took %v", took)
		}
	})
}

// counter counts what an answer asks of its connection.
type counter struct {
	discard
	deadlines, flushes int
}

func (c *counter) SetWriteDeadline(time.Time) error { c.deadlines++; return nil }
func (c *counter) Flush()                           { c.flushes++ }

func TestASmallAnswerToAUserCostsOneDeadlineAndNoFlush(t *testing.T) {
	t.Parallel()
	handler, authorization := newTodoServer(t, testConfig()), "Bearer alice"
	for _, call := range []struct {
		name, path, authorization string
		flushes                   int
	}{
		{"a user's list", "/api/todos", authorization, 0},
		{"without a token", "/api/todos", "", 1}, // To wait for its reader where it counts.
	} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, call.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.ProtoMajor, r.RemoteAddr = 2, "127.0.0.1:1"
		r.Header.Set("Authorization", call.authorization)
		w := &counter{discard: discard{header: make(http.Header)}}
		handler.ServeHTTP(w, r)
		if w.deadlines != 1 || w.flushes != call.flushes || w.size == 0 {
			t.Errorf("%s: %d deadlines, %d flushes, %d bytes", call.name, w.deadlines, w.flushes, w.size)
		}
	}
}

func flushNow(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
		return
	}
	t.Error("the writer can't be flushed")
}

func writeText(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}
