//go:build linux

package deploy

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
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
		ReadHeaderTimeout: patience,
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
		if conn, ok := r.Context().Value(connection{}).(net.Conn); ok {
			_ = conn.Close() // It dies, whatever that says.
		}
		panic(http.ErrAbortHandler)
	}
}

// times returns how often a name was received.
func (d *dying) times(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.received[name]
}

// TestEachWriteIsSentOnce has processes die with calls that they have received. HAProxy
// sends those again that only read, and Caddy those by GET. Writes are answered with 503:
// neither the proxy nor the caller's client sends them again by itself, for they may have
// been done.
func TestEachWriteIsSentOnce(t *testing.T) {
	t.Parallel()
	for file, repeatsPosts := range map[string]bool{ // Reads by POST, that is.
		"haproxy/one-cell.cfg":            true,
		"haproxy/cells.cfg":               true,
		"proxy/one-origin.haproxy.cfg":    true,
		"proxy/three-origins.haproxy.cfg": true,
		"proxy/one-origin.Caddyfile":      false,
		"proxy/three-origins.Caddyfile":   false,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			d := &dying{received: make(map[string]int)}
			url, roots := startBefore(t, file, d.start(t))
			n := 0
			for _, http2 := range []bool{false, true} {
				client := newCaller(t, roots, http2)
				for _, c := range callsOfContract() {
					for _, used := range []bool{false, true} {
						client.CloseIdleConnections()
						if used {
							client.call(t, http.MethodGet, url+"/", "")
						}
						n++
						c.reads = c.reads && (repeatsPosts || c.method == http.MethodGet)
						c.check(t, d, client, url, fmt.Sprint(n), fmt.Sprintf("HTTP/2 %v, on a used connection %v", http2, used))
					}
				}
			}
		})
	}
}

// TestWritesPassWhenAllConnectionsAreOpen has callers hold as many connections as they may,
// and one of them write. A write needs a second connection within HAProxy.
func TestWritesPassWhenAllConnectionsAreOpen(t *testing.T) {
	t.Parallel()
	const most, further = 8, 2
	for file, numbers := range map[string][2]string{
		"haproxy/one-cell.cfg":            {"4000", "5000"},
		"haproxy/cells.cfg":               {"6000", "8000"},
		"proxy/one-origin.haproxy.cfg":    {"2000", "3000"},
		"proxy/three-origins.haproxy.cfg": {"2000", "3000"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			d := &dying{received: make(map[string]int)}
			url, roots := startBefore(t, file, d.start(t),
				"maxconn "+numbers[0], fmt.Sprint("maxconn ", most), "maxconn "+numbers[1], fmt.Sprint("maxconn ", most+further))
			callers := make([]*caller, most)
			for i := range callers {
				callers[i] = newCaller(t, roots, false)
				callers[i].call(t, http.MethodGet, url+"/api/todos", "", "Authorization", bearerOfAUser()) // It keeps its connection.
			}
			for range 3 * most {
				if a := callers[0].call(t, http.MethodPost, url+"/api/todos", "", "Authorization", bearerOfAUser()); a.status != http.StatusOK {
					t.Fatalf("%d %s %v", a.status, a.body, a.err)
				}
			}
		})
	}
}

// startBefore runs a proxy with a file before one process. Changes to HAProxy's are pairs of
// an old text and a new one. It returns the URL, and whom to trust if that needs TLS.
func startBefore(t *testing.T, file, process string, changes ...string) (url string, roots *x509.CertPool) {
	t.Helper()
	nobody := freeAddress(t)
	if strings.HasSuffix(file, ".Caddyfile") {
		at := freeAddress(t)
		url = "https://" + apiName + ":" + portOf(at)
		auth, page := "https://"+authName+":"+portOf(at), "https://"+pageName+":"+portOf(at)
		sites := &stack{tododAt: process, authAt: nobody, page: origin(url), authority: origin(url), api: origin(url)}
		return url, startCaddy(t, repository(t, "deploy", file), sites, map[string]string{
			"SITE": url, "API_SITE": url, "AUTH_SITE": auth, "PAGE_SITE": page,
		}).roots
	}
	roots = x509.NewCertPool()
	b := system.StartHAProxy(t, system.HAProxyConfig{
		Text: strings.NewReplacer(changes...).Replace(read(t, "deploy", file)),
		Variables: map[string]string{
			"TODOD_A": process, "TODOD_B": process, "CELL1_A": process, "CELL1_B": process, "CELL2_A": process, "CELL2_B": process,
			"HTTP_BIND": nobody, "TODOD": process, "BETTER_AUTH": nobody, "PAGE": nobody, "API_HOST": apiName, "CERTIFICATE": certificate(t, roots, apiName),
		},
	})
	if strings.HasPrefix(file, "proxy/") {
		return "https://" + apiName + ":" + portOf(b.Address), roots
	}
	return b.URL, roots
}

// contractCall is a call of the contract.
type contractCall struct {
	method, path string
	contentType  string
	reads        bool
}

// callsOfContract returns every RPC, in each way that there is.
func callsOfContract() (calls []contractCall) {
	methods := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService").Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		reads := options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || m.IsStreamingServer()
		path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
		for _, contentType := range []string{"application/json", "application/proto", "application/grpc", "application/grpc+proto", "application/grpc-web+proto"} {
			calls = append(calls, contractCall{http.MethodPost, path, contentType, reads})
		}
		if reads {
			calls = append(calls, contractCall{http.MethodGet, path, "", true})
		}
		rule, _ := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
		for method, path := range map[string]string{
			http.MethodGet: rule.GetGet(), http.MethodPost: rule.GetPost(), http.MethodPatch: rule.GetPatch(), http.MethodDelete: rule.GetDelete(),
		} {
			if path != "" {
				calls = append(calls, contractCall{method, strings.Replace(path, "{id}", "id", 1), "application/json", reads})
			}
		}
	}
	return calls
}

// bearerOfAUser is a token as balancers read it: they look at the payload, and at nothing
// else.
func bearerOfAUser() string {
	return "Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"u"}`)) + ".e30"
}

// late is what of a body comes after the headers, as clients of gRPC send it.
type late struct{ io.Reader }

// Read waits until the headers were sent, and likely forwarded.
func (l *late) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return l.Reader.Read(p)
}

// check makes the call by a name, and looks at what came of it. Reads are sent again.
func (c contractCall) check(t *testing.T, d *dying, client *caller, url, name, how string) {
	t.Helper()
	var body io.Reader
	if c.method != http.MethodGet {
		body = io.MultiReader(strings.NewReader("{"), iotest.OneByteReader(&late{strings.NewReader("}")}))
	}
	a := client.callWith(t, c.method, url+c.path, body, "X-Name", name, "Content-Type", c.contentType, "Authorization", bearerOfAUser())
	status, times := http.StatusServiceUnavailable, 1
	if c.reads {
		status, times = http.StatusOK, 2
	}
	if a.status != status || (!c.reads && (a.code() != "unavailable" || a.header.Get("Retry-After") == "")) {
		t.Errorf("%s %s %s, %s: %d %s %v, want %d", c.method, c.path, c.contentType, how, a.status, a.body, a.err, status)
	}
	if got := d.times(name); got != times {
		t.Errorf("%s %s %s, %s: it was sent %d times, want %d", c.method, c.path, c.contentType, how, got, times)
	}
}
