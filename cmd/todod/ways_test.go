package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// ways names the five ways to call the service.
func ways() []string {
	return []string{"Connect JSON", "Connect binary", "gRPC", "gRPC-Web", "REST"}
}

// eachWay runs a test once for each way to call.
func eachWay(t *testing.T, test func(t *testing.T, way string)) {
	t.Helper()
	// In a group, so that what the caller checks afterwards comes afterwards.
	t.Run("each way", func(t *testing.T) {
		for _, way := range ways() {
			t.Run(way, func(t *testing.T) {
				t.Parallel()
				test(t, way)
			})
		}
	})
}

// client returns a client for one way to call, with a token for each request,
// none when it is empty, and what it heard last.
func (s *service) client(t *testing.T, way, token string, options ...connect.ClientOption) (todov1connect.TodoServiceClient, *ear) {
	t.Helper()
	protocols := new(http.Protocols)
	if way == "gRPC" {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	ear := &ear{next: transport, token: token}
	httpClient := &http.Client{Transport: ear}
	switch way {
	case "Connect JSON":
		options = append(options, connect.WithProtoJSON())
	case "Connect binary": // Connect's default.
	case "gRPC":
		options = append(options, connect.WithGRPC())
	case "gRPC-Web":
		options = append(options, connect.WithGRPCWeb())
	case "REST":
		httpClient.Transport = restTransport{next: ear}
		options = append(options, connect.WithProtoJSON())
	default:
		t.Fatalf("no such way to call: %s", way)
	}
	return todov1connect.NewTodoServiceClient(httpClient, s.url, options...), ear
}

// ear puts the token into requests and keeps the last answer as it came, apart from the
// messages of streams.
type ear struct {
	next  http.RoundTripper
	token string
	edit  func(*http.Request) // Changes requests once they are complete; may be nil.

	mu    sync.Mutex // For calls that are made at once.
	heard []byte
}

func (e *ear) hear(answer []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = answer
}

// RoundTrip implements [http.RoundTripper].
func (e *ear) RoundTrip(req *http.Request) (*http.Response, error) {
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	if e.edit != nil {
		e.edit(req)
	}
	res, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if isWatch(req) {
		e.hear(nil)
		return res, nil
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var heard bytes.Buffer
	header := res.Header.Clone()
	header.Del("Date")
	header.Del("X-Request-Id")
	heard.WriteString(res.Status + "\n")
	_ = header.Write(&heard)
	heard.Write(body)
	_ = res.Trailer.Write(&heard)
	e.hear(heard.Bytes())
	return res, nil
}

// isWatch reports whether a request opens a stream.
func isWatch(req *http.Request) bool {
	return strings.HasSuffix(req.URL.Path, "/WatchTodos") || strings.HasSuffix(req.URL.Path, ":watch")
}
