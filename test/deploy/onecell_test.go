//go:build linux

package deploy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/todo-backend/internal/auth/authtest"
	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// oneCell are stubs of two processes behind the balancer of one database.
type oneCell struct {
	*system.HAProxy
	issuer *authtest.Issuer
	stubs  map[string]*stub
}

func startOneCell(t *testing.T) *oneCell {
	t.Helper()
	c := &oneCell{issuer: authtest.Start(t), stubs: make(map[string]*stub)}
	environment := make(map[string]string)
	for _, name := range []string{"a", "b"} {
		c.stubs[name] = startStub(t, name, freeAddress(t), c.issuer)
		environment["TODOD_"+strings.ToUpper(name)] = c.stubs[name].address
	}
	c.HAProxy = startBalancer(t, "one-cell.cfg", environment)
	c.AwaitServers(t, "todod", len(c.stubs))
	return c
}

func (c *oneCell) call(t *testing.T, client *caller, method, path, user string) answer {
	t.Helper()
	return client.call(t, method, c.URL+path, "", "Authorization", "Bearer "+c.issuer.Token(user))
}

// open opens a stream, and returns its process and what it sends.
func (c *oneCell) open(t *testing.T, client *caller, user string) (at string, events *bufio.Scanner) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.issuer.Token(user))
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res.Header.Get("X-At"), bufio.NewScanner(res.Body)
}

func TestOneUsersCallsMeetOneProcess(t *testing.T) {
	t.Parallel()
	c := startOneCell(t)
	met := make(map[string]int)
	for i := range 40 {
		user := fmt.Sprint("user-", i)
		first := ""
		for _, http2 := range []bool{true, false} {
			got, err := seenBy(c.call(t, newPlainCaller(t, http2), http.MethodPost, "/todo.v1.TodoService/ListTodos", user))
			if err != nil || got.User != user || (first != "" && first != got.At) {
				t.Errorf("%s: %+v %v, and before %s", user, got, err, first)
			}
			first = got.At
		}
		met[first]++
	}
	if met["a"] < 8 || met["b"] < 8 {
		t.Errorf("40 users meet %v", met)
	}
	// Any process answers what has no readable token, as the service does.
	client := newPlainCaller(t, true)
	for _, token := range []string{"", "nonsense", "a.b.c"} {
		if a := client.call(t, http.MethodGet, c.URL+"/api/todos", "", "Authorization", "Bearer "+token); a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"At"`) {
			t.Errorf("%q: %d %s", token, a.status, a.body)
		}
	}
	for _, path := range []string{"/readyz", "/livez", "/api/health", "/openapi.yaml"} {
		if a := client.call(t, http.MethodGet, c.URL+path, ""); a.err != nil || a.status == http.StatusServiceUnavailable {
			t.Errorf("%s: %d %v", path, a.status, a.err)
		}
	}
}

func TestAProcessThatDrainsGetsNoNewCallsWhileItsStreamsEnd(t *testing.T) {
	t.Parallel()
	c := startOneCell(t)
	client := newPlainCaller(t, true)
	const user = "alice"
	at, events := c.open(t, client, user)
	if !events.Scan() || events.Text() != "data: "+at {
		t.Fatalf("the first event: %q %v", events.Text(), events.Err())
	}
	draining := c.stubs[at]
	draining.ready.Store(false)
	c.AwaitServers(t, "todod", 1)
	before := draining.calls.Load()
	for range 20 {
		got, err := seenBy(c.call(t, client, http.MethodPost, "/todo.v1.TodoService/ListTodos", user))
		if err != nil || got.At == at {
			t.Errorf("%+v %v", got, err)
		}
	}
	if n := draining.calls.Load() - before; n != 0 {
		t.Errorf("the process that drains got %d calls", n)
	}
	draining.endStreams()
	for events.Scan() && events.Text() != "data: end" {
	}
	if events.Text() != "data: end" {
		t.Errorf("the stream ended with %q %v", events.Text(), events.Err())
	}
}

func TestAWriteWhoseConnectionBreaksIsSentOnce(t *testing.T) {
	t.Parallel()
	c := startOneCell(t)
	calls := func() int64 { return c.stubs["a"].calls.Load() + c.stubs["b"].calls.Load() }
	for _, http2 := range []bool{false, true} {
		client := newPlainCaller(t, http2)
		for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
			before := calls()
			a := c.call(t, client, method, "/api/crash", "alice")
			if a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s %v", method, a.status, a.body, a.err)
			}
			if n := calls() - before; n != 1 {
				t.Errorf("%s: sent %d times", method, n)
			}
		}
	}
}

func TestACallMeetsAnotherProcessWhenItsOwnIsGone(t *testing.T) {
	t.Parallel()
	c := startOneCell(t)
	client := newPlainCaller(t, true)
	gone, left := c.stubs["a"], "b"
	gone.stop()
	for i := range 20 {
		got, err := seenBy(c.call(t, client, http.MethodPost, "/todo.v1.TodoService/CreateTodo", fmt.Sprint("user-", i)))
		if err != nil || got.At != left {
			t.Errorf("%+v %v", got, err)
		}
	}
	c.stubs[left].stop()
	a := c.call(t, client, http.MethodPost, "/todo.v1.TodoService/CreateTodo", "alice")
	if a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("both are gone: %d %s %v", a.status, a.body, a.err)
	}
}

// A caller that doesn't read its response holds up no other: HAProxy stops reading a
// connection to a process while one of its responses has nowhere to go.
func TestASlowReaderHoldsUpNobodyBehindABalancer(t *testing.T) {
	t.Parallel()
	c := startOneCell(t)
	flooded := make(map[string]bool) // Connections to a process.
	flood := func(i int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/flood", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.issuer.Token(fmt.Sprint("slow-", i)))
		res, err := newPlainCaller(t, i%2 == 0).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		connection := res.Header.Get("X-Connection")
		if flooded[connection] {
			t.Errorf("slow-%d shares a connection", i)
		}
		flooded[connection] = true
		if _, err := io.CopyN(io.Discard, res.Body, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		flood(i)
	}
	for i := range 60 {
		got, err := seenBy(c.call(t, newPlainCaller(t, i%2 == 0), http.MethodPost, "/todo.v1.TodoService/ListTodos", fmt.Sprint("user-", i)))
		if err != nil || flooded[got.Connection] {
			t.Fatalf("%+v %v", got, err)
		}
	}
}
