package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// checkRefusedStream checks that a stream is refused because there are too many,
// in its own protocol, with an advice when to try again.
func checkRefusedStream(t *testing.T, what string, err error) {
	t.Helper()
	var failure *connect.Error
	if !errors.As(err, &failure) || failure.Code() != connect.CodeResourceExhausted || !connect.IsWireError(failure) {
		t.Errorf("%s: %v", what, err)
		return
	}
	if failure.Meta().Get("Retry-After") != "1" || len(failure.Details()) != 1 {
		t.Errorf("%s: it advises %v, %v", what, failure.Meta(), failure.Details())
		return
	}
	value, err := failure.Details()[0].Value()
	if info, ok := value.(*errdetails.RetryInfo); !ok || info.GetRetryDelay().AsDuration() != time.Second {
		t.Errorf("%s: it advises %v, %v", what, value, err)
	}
}

func TestAConnectionHasFewStreamsWithoutAToken(t *testing.T) {
	t.Parallel()
	for _, protocol := range binaryProtocols() {
		if !protocol.http2 {
			continue // One connection has one stream.
		}
		s := startWhole(t)
		client := protocol.httpClient(t)
		var cancel context.CancelFunc
		for range maxAnonymousPerConn {
			stream, end := protocol.watch(t, s, client, "")
			if !stream.Receive() {
				t.Fatalf("%s: %v", protocol.name, stream.Err())
			}
			cancel = end
		}
		for range 3 {
			stream, _ := protocol.watch(t, s, client, "")
			if stream.Receive() {
				t.Errorf("%s: one too many is served", protocol.name)
			}
			checkRefusedStream(t, protocol.name, stream.Err())
			if line := s.log.next(t); line.Code != "resource_exhausted" || line.Level != "DEBUG" {
				t.Errorf("%s: logged as %+v", protocol.name, line)
			}
		}
		if stream, _ := protocol.watch(t, s, protocol.httpClient(t), ""); !stream.Receive() {
			t.Errorf("%s: another connection is refused: %v", protocol.name, stream.Err())
		}
		cancel() // Resets the stream.
		s.log.next(t)
		if stream, _ := protocol.watch(t, s, client, ""); !stream.Receive() {
			t.Errorf("%s: refused after another has ended: %v", protocol.name, stream.Err())
		}
	}
}

func TestAProcessHasFewStreamsWithoutAToken(t *testing.T) {
	t.Parallel()
	s := startWhole(t)
	h2 := binaryProtocols()[2]
	cancel := openAnonymousStreams(t, s, maxAnonymous)
	for _, protocol := range binaryProtocols() {
		stream, _ := protocol.watch(t, s, protocol.httpClient(t), "")
		if stream.Receive() {
			t.Errorf("%s: one too many is served", protocol.name)
		}
		checkRefusedStream(t, protocol.name, stream.Err())
		s.log.next(t)
	}
	checkProbes(t, s)
	cancel()
	s.log.next(t)
	if stream, _ := h2.watch(t, s, h2.httpClient(t), ""); !stream.Receive() {
		t.Errorf("refused after another has ended: %v", stream.Err())
	}
}

// openAnonymousStreams opens so many of them, and returns what ends the last.
func openAnonymousStreams(t *testing.T, s *wholeService, streams int) context.CancelFunc {
	t.Helper()
	h2 := protocol{http2: true}
	var client *http.Client
	var cancel context.CancelFunc
	for n := range streams {
		if n%maxAnonymousPerConn == 0 {
			client = h2.httpClient(t)
		}
		stream, end := h2.watch(t, s, client, "")
		if !stream.Receive() {
			t.Fatal(stream.Err())
		}
		cancel = end
	}
	return cancel
}

func TestAConnectionWhoseStreamIsRefusedEndsUnlessItServesSomebody(t *testing.T) {
	t.Parallel()
	h2 := protocol{http2: true}
	for _, test := range []struct {
		name  string
		begin func(t *testing.T, s *wholeService, client *http.Client) // It serves somebody.
		open  int                                                      // How many streams begin has opened.
		dials int64
	}{
		{"nobody", func(*testing.T, *wholeService, *http.Client) {}, 0, 3},
		{"a user", getAsUser, 0, 1},
		{"a stream", func(t *testing.T, s *wholeService, client *http.Client) {
			t.Helper()
			if stream, _ := h2.watch(t, s, client, ""); !stream.Receive() {
				t.Fatal(stream.Err())
			}
		}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startWhole(t)
			client, dials := h2.httpClient(t), new(atomic.Int64)
			transport, _ := client.Transport.(*http.Transport)
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			test.begin(t, s, client)
			openAnonymousStreams(t, s, maxAnonymous-test.open)
			for range 3 {
				stream, _ := h2.watch(t, s, client, "")
				if stream.Receive() {
					t.Error("one too many is served")
				}
				checkRefusedStream(t, test.name, stream.Err())
				_ = stream.Close()
				s.log.next(t)
			}
			if got := dials.Load(); got != test.dials {
				t.Errorf("3 streams were refused on %d connections, want %d", got, test.dials)
			}
		})
	}
}

// getAsUser makes a call with a valid token.
func getAsUser(t *testing.T, s *wholeService, client *http.Client) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/todos", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	s.log.next(t)
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

// checkProbes checks that the probes which don't stream are answered.
func checkProbes(t *testing.T, s *wholeService) {
	t.Helper()
	for path, body := range map[string]io.Reader{"/livez": nil, "/readyz": nil, "/grpc.health.v1.Health/Check": strings.NewReader("{}")} {
		method := http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := protocol{}.httpClient(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		s.log.next(t)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// TestAStreamIsCountedUntilItEndsHoweverItEnds has more streams than there may be
// at once, one after the other, on one connection.
func TestAStreamIsCountedUntilItEndsHoweverItEnds(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(){
		"done":                   func() {},
		"a panic":                func() { panic(errCanary) },
		"a panic that resets it": func() { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: 1, anonymous: true},
				func(context.Context, *todov1.GetTodoRequest, *connect.ServerStream[todov1.Todo]) error {
					handle()
					return nil
				}, nil)
			client, _ := protocol{http2: true}.client(t, s.url+serverStreamPath)
			for range 2 * maxAnonymousPerConn {
				stream, err := client.CallServerStream(t.Context(), connect.NewRequest(&todov1.GetTodoRequest{}))
				if err != nil {
					t.Fatal(err)
				}
				for stream.Receive() {
					t.Error("a message came")
				}
				if connect.CodeOf(stream.Err()) == connect.CodeResourceExhausted {
					t.Error("refused, although there is no other")
				}
				_ = stream.Close()
				s.log.next(t)
			}
		})
	}
}

// TestStreamsWithATokenAreNotCountedAsThoseWithout has more of them than there
// may be without.
func TestStreamsWithATokenAreNotCountedAsThoseWithout(t *testing.T) {
	t.Parallel()
	s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: 1},
		func(ctx context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
			if err := stream.Send(&todov1.Todo{}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}, nil)
	client := connect.NewClient[todov1.GetTodoRequest, todov1.Todo](protocol{http2: true}.httpClient(t), s.url+serverStreamPath)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range 2 * maxAnonymousPerConn {
		stream, err := client.CallServerStream(ctx, connect.NewRequest(&todov1.GetTodoRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stream.Close() })
		if !stream.Receive() {
			t.Fatal(stream.Err())
		}
	}
	cancel()
}
