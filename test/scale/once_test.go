//go:build scale && linux

package scale

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// dying are stand-ins of processes that die with the first call of each name: they have
// read it, and close the connection.
type dying struct {
	mu       sync.Mutex
	received map[string]int // By name.
}

// connection is the key of a request's connection in its context.
type connection struct{}

// start serves at a new address until the test ends.
func (d *dying) start(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // For HAProxy's checks.
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           d,
		Protocols:         protocols,
		ReadHeaderTimeout: stack.Patience,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connection{}, c) },
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // Ends with ErrServerClosed.
	}()
	t.Cleanup(func() {
		_ = server.Close() // Nothing is left to answer.
		<-ended
	})
	return listener.Addr().String()
}

// ServeHTTP answers a name that was received before, and what has none.
func (d *dying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // It is all there, or the caller has left.
	w.Header().Set("X-Request-Id", "id")
	name := r.Header.Get("X-Name")
	if name == "" {
		return
	}
	d.mu.Lock()
	d.received[name]++
	times := d.received[name]
	d.mu.Unlock()
	if times == 1 {
		_ = r.Context().Value(connection{}).(net.Conn).Close()
		panic(http.ErrAbortHandler)
	}
}

// times returns how often a name was received.
func (d *dying) times(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.received[name]
}

// sentCall is a call of the contract.
type sentCall struct {
	method, path string
	reads        bool
}

// TestEachWriteIsSentOnce has processes die with calls that they have received. Another
// process gets those that only read. Writes are answered with 503: neither HAProxy nor the
// caller's client sends them again by itself, for they may have been done.
func TestEachWriteIsSentOnce(t *testing.T) {
	r := newRow(t, "processes: each write is sent once")
	d := &dying{received: make(map[string]int)}
	b := startBalancer(t, "one-cell.cfg", map[string]string{"TODOD_A": d.start(t), "TODOD_B": d.start(t)})
	calls := []sentCall{
		{http.MethodGet, "/api/todos", true},
		{http.MethodGet, "/api/todos:watch", true},
		{http.MethodPost, "/api/todos", false},
		{http.MethodPatch, "/api/todos/id", false},
		{http.MethodDelete, "/api/todos/id", false},
		{http.MethodPost, "/api/todos/id:undelete", false},
		{http.MethodPost, "/api/todos:emptyTrash", false},
		{http.MethodPost, "/api/todos:apply", false},
	}
	methods := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService").Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		reads := options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || m.IsStreamingServer()
		path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
		calls = append(calls, sentCall{http.MethodPost, path, reads})
		if reads {
			calls = append(calls, sentCall{http.MethodGet, path, true})
		}
	}
	sent, twice, other := 0, 0, 0
	for _, http2 := range []bool{false, true} {
		client := stack.NewClient(t, http2)
		for _, c := range calls {
			for n := range 2 {
				if n > 0 { // On a connection that has served a call.
					stack.Call(t, client, http.MethodGet, b.url+"/", "")
				} else {
					client.CloseIdleConnections()
				}
				name := fmt.Sprint(sent)
				sent++
				a := stack.Call(t, client, c.method, b.url+c.path, strings.Repeat("{}", len(c.method)%3), "X-Name", name)
				want, times := http.StatusServiceUnavailable, 1
				if c.reads {
					want, times = http.StatusOK, 2
				}
				if a.Status != want || (!c.reads && a.Header.Get("Retry-After") == "") {
					other++
					t.Errorf("%s %s over HTTP/2 %v: %d %v, want %d", c.method, c.path, http2, a.Status, a.Err, want)
				}
				if got := d.times(name); got != times {
					twice++
					t.Errorf("%s %s over HTTP/2 %v was sent %d times, want %d", c.method, c.path, http2, got, times)
				}
			}
		}
	}
	r.Did("processes that die with the first of every call, over HTTP/1.1 and HTTP/2, on new and used connections")
	report.AtLeast(r, "calls", sent, 4*len(calls))
	r.None("writes that were sent again, or reads that were not", twice)
	r.None("answers other than 503 with Retry-After to writes, and 200 to reads", other)
}
