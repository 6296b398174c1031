package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/todo-backend/internal/postgres/pgtest"
)

const watchPath = "/grpc.health.v1.Health/Watch"

// streamClient is a client of streams, and the connections that it has made.
type streamClient struct {
	*http.Client
	mu   sync.Mutex
	made []net.Conn
}

func newStreamClient(http2 bool) *streamClient {
	c := new(streamClient)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.made = append(c.made, conn)
		}
		return conn, err
	}
	c.Client = &http.Client{Transport: transport}
	return c
}

// cut closes the connections under the feet of their streams.
func (c *streamClient) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.made {
		_ = conn.Close()
	}
}

// watch opens a health watch. Of a request and of an answer only the first field
// counts, and its kind.
func (s *service) watch(ctx context.Context, client *http.Client, options ...connect.ClientOption) (*connect.ServerStreamForClient[wrapperspb.Int32Value], error) {
	return connect.NewClient[wrapperspb.StringValue, wrapperspb.Int32Value](client, s.url+watchPath, options...).
		CallServerStream(ctx, connect.NewRequest(new(wrapperspb.StringValue)))
}

// open opens a stream and waits for its first answer, which may be a refusal. It
// returns what is to be called once the stream has ended.
func (s *service) open(ctx context.Context, client *http.Client, kind int) (release func(), err error) {
	switch kind {
	case 0: // Over HTTP/1.1 too.
		stream, err := s.watch(ctx, client)
		if err == nil && !stream.Receive() {
			err = stream.Err()
		}
		return func() { _ = stream.Close() }, err
	case 1:
		stream, err := s.watch(ctx, client, connect.WithGRPC())
		if err == nil && !stream.Receive() {
			err = stream.Err()
		}
		return func() { _ = stream.Close() }, err
	default:
		stream := grpcreflect.NewClient(client, s.url, connect.WithGRPC()).NewStream(ctx)
		_, err = stream.ListServices()
		return func() { _, _ = stream.Close() }, err
	}
}

// TestStreamsThatEndInAnyWayLeaveNothingBehind opens ninety streams at once and
// ends them all in one of the ways in which callers go, over and over.
func TestStreamsThatEndInAnyWayLeaveNothingBehind(t *testing.T) { //nolint:paralleltest // No other test's goroutines may come and go.
	const streams, rounds = 90, 5
	pgtest.NewDatabase(t) // Its server is there before and afterwards.
	before := goleak.IgnoreCurrent()
	t.Run("streams", func(t *testing.T) {
		s, opened := start(t, nil), 0
		for _, test := range []struct {
			name    string
			http2   bool
			clients int // That share the streams, each with a connection of its own over HTTP/2.
			cut     bool
		}{
			{"canceled, on one HTTP/2 connection", true, 1, false},
			{"on one HTTP/2 connection that is closed", true, 1, true},
			{"canceled, on many HTTP/2 connections", true, 12, false},
			{"on many HTTP/2 connections that are closed", true, 12, true},
			{"canceled, over HTTP/1.1", false, 1, false},
			{"over HTTP/1.1 connections that are closed", false, 1, true},
		} {
			for range rounds {
				s.endStreams(t, test.name, streams, test.http2, test.clients, test.cut)
				opened += streams
				s.awaitLines(t, opened)
				if res := s.do(t, http.MethodGet, "/livez", ""); res.status != http.StatusOK {
					t.Errorf("%s: afterwards %d", test.name, res.status)
				}
			}
		}
		s.stop()
		s.checkEnded(t)
	})
	var leaked error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if leaked = goleak.Find(before); leaked == nil { // It waits a little by itself.
			return
		}
	}
	t.Error(leaked)
}

func (s *service) endStreams(t *testing.T, what string, streams int, http2 bool, clients int, cut bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := make([]*streamClient, clients)
	for i := range all {
		all[i] = newStreamClient(http2)
	}
	releases, errs := make([]func(), streams), make([]error, streams)
	var opening sync.WaitGroup
	for i := range streams {
		kind := 0
		if http2 {
			kind = i % 3
		}
		opening.Go(func() { releases[i], errs[i] = s.open(ctx, all[i%clients].Client, kind) })
	}
	opening.Wait()
	served := 0
	for _, err := range errs {
		if err == nil {
			served++
		} else if connect.CodeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("%s: %v", what, err)
		}
	}
	if served < min(streams, 8) {
		t.Errorf("%s: %d streams were served", what, served)
	}
	if cut {
		for _, c := range all {
			c.cut()
		}
	}
	cancel()
	for _, release := range releases {
		release()
	}
	for _, c := range all {
		c.CloseIdleConnections()
	}
}

// awaitLines waits until so many streams have the line that they get when their
// handlers have returned.
func (s *service) awaitLines(t *testing.T, lines int) {
	t.Helper()
	s.logs.wait(t, func(line logLine) bool {
		if path, _ := line["path"].(string); strings.HasPrefix(path, "/grpc.") {
			lines--
		}
		return lines == 0
	}, s.done)
}

func TestADrainIsTheLastThatAHealthWatchSays(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"at once":                           nil,
		"after a delay in which it is told": {"SHUTDOWN_DELAY": "1"},
	} {
		for protocol, test := range map[string]struct {
			http2   bool
			options []connect.ClientOption
		}{
			"gRPC":                  {true, []connect.ClientOption{connect.WithGRPC()}},
			"gRPC-Web":              {false, []connect.ClientOption{connect.WithGRPCWeb()}},
			"Connect over HTTP/1.1": {false, nil},
		} {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				s := start(t, settings)
				client := newStreamClient(test.http2)
				defer client.CloseIdleConnections()
				stream, err := s.watch(t.Context(), client.Client, test.options...)
				if err != nil {
					t.Fatal(err)
				}
				defer stream.Close()
				var told []int32
				for stream.Receive() {
					if told = append(told, stream.Msg().GetValue()); len(told) == 1 {
						s.stop()
					}
				}
				if err := stream.Err(); err != nil && !errors.Is(err, context.Canceled) || fmt.Sprint(told) != "[1 2]" {
					t.Errorf("told %v, then %v; want 1 (SERVING) and 2 (NOT_SERVING), and a good end", told, err)
				}
				s.checkEnded(t)
			})
		}
	}
}
