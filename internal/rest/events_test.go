package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/rest"
)

type (
	watchRequest = todov1.WatchTodosRequest
	watchMessage = todov1.WatchTodosResponse
	watchStream  = connect.ServerStream[watchMessage]
	watchHandler = func(context.Context, *watchRequest, *watchStream) error
)

// watched is a service whose stream is the test's. GetTodo fails with the same error.
type watched struct {
	echo
	handle watchHandler
}

func (s watched) WatchTodos(ctx context.Context, req *watchRequest, stream *watchStream) error {
	return s.handle(ctx, req, stream)
}

func (s watched) GetTodo(ctx context.Context, _ *todov1.GetTodoRequest) (*todov1.Todo, error) {
	return nil, s.handle(ctx, nil, nil)
}

// startWatch serves a stream over REST, at the URL that it returns.
func startWatch(t *testing.T, handle watchHandler) string {
	t.Helper()
	_, handler := todov1connect.NewTodoServiceHandler(watched{handle: handle}, connect.WithInterceptors(rest.Interceptor()))
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: todov1.File_todo_v1_todo_proto.Services().ByName("TodoService"),
		RPC:     handler,
		Refuse:  func(http.ResponseWriter, *http.Request, rest.Refusal) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(transcoder)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// request sends a GET with headers, by name and value. The response has to be closed.
func request(t *testing.T, http2 bool, url string, headers ...string) *http.Response {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// readEvent returns the fields of the next event, or nil at the end of the stream.
func readEvent(t *testing.T, from *bufio.Reader) map[string]string {
	t.Helper()
	var event map[string]string
	for {
		line, err := from.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" && event == nil {
			return nil
		}
		if err != nil {
			t.Fatalf("the stream breaks off at %q in %v: %v", line, event, err)
		}
		if line == "\n" {
			return event
		}
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if _, isThere := event[name]; !ok || isThere {
			t.Fatalf("the line %q in %v", line, event)
		}
		if event == nil {
			event = make(map[string]string)
		}
		event[name] = value
	}
}

// TestEachMessageIsAnEventAtOnce holds the second message back until the first event came.
func TestEachMessageIsAnEventAtOnce(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came := make(chan struct{})
			long := strings.Repeat("<long\n>", 10_000)
			url := startWatch(t, func(ctx context.Context, _ *watchRequest, stream *watchStream) error {
				for i, message := range []*watchMessage{
					{Todos: []*todov1.Todo{{Title: long}}, NextSyncToken: "one"},
					{NextSyncToken: "two"},
					{HasMore: true},
				} {
					if i > 0 {
						select {
						case <-came:
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					if err := stream.Send(message); err != nil {
						return err
					}
				}
				return nil
			})
			res := request(t, http2, url+"/api/todos:watch", "Connect-Accept-Encoding", "gzip", "Accept-Encoding", "gzip")
			defer res.Body.Close()
			want := http.Header{
				"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-store"}, "X-Accel-Buffering": {"no"},
			}
			res.Header.Del("Date")
			if diff := cmp.Diff(want, res.Header); res.StatusCode != http.StatusOK || diff != "" {
				t.Errorf("status %d, header (-want +got):\n%s", res.StatusCode, diff)
			}
			body := bufio.NewReader(res.Body)
			for i, id := range []string{"one", "two", ""} {
				event := readEvent(t, body)
				var message struct {
					Todos         []struct{ Title string }
					NextSyncToken string
				}
				if err := json.Unmarshal([]byte(event["data"]), &message); err != nil {
					t.Fatalf("event %v: %v", event, err)
				}
				if event["id"] != id || message.NextSyncToken != id || event["event"] != "" || i == 0 && message.Todos[0].Title != long {
					t.Errorf("event %d is %v", i, event)
				}
				if i < 2 {
					came <- struct{}{}
				}
			}
			if event := readEvent(t, body); event != nil {
				t.Errorf("after the last event: %v", event)
			}
		})
	}
}

func TestAStreamWithoutMessagesIsEmpty(t *testing.T) {
	t.Parallel()
	url := startWatch(t, func(context.Context, *watchRequest, *watchStream) error { return nil })
	res := request(t, false, url+"/api/todos:watch")
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || len(body) > 0 || err != nil {
		t.Errorf("status %d, %v, %q, %v", res.StatusCode, res.Header, body, err)
	}
}

// detailed returns an error with everything that a caller gets of one.
func detailed(code connect.Code) error {
	failure := connect.NewError(code, errors.New("<why>\nand why"))
	detail, err := connect.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(1)})
	if err != nil {
		return err
	}
	failure.AddDetail(detail)
	failure.Meta().Set("Retry-After", "7")
	failure.Meta().Add("WWW-Authenticate", "Bearer")
	failure.Meta().Add("WWW-Authenticate", "Basic")
	return failure
}

// TestAnErrorBeforeTheFirstEventIsThatOfACall compares each code with the answer of
// Connect to a unary call.
func TestAnErrorBeforeTheFirstEventIsThatOfACall(t *testing.T) {
	t.Parallel()
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
			t.Run(code.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				url := startWatch(t, func(context.Context, *watchRequest, *watchStream) error { return detailed(code) })
				read := func(path string) (status int, header http.Header, body any) {
					res := request(t, http2, url+path)
					defer res.Body.Close()
					text, err := io.ReadAll(res.Body)
					if err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(text, &body); err != nil {
						t.Fatalf("%s: %q: %v", path, text, err)
					}
					for _, name := range []string{"Date", "Accept-Encoding", "Content-Length"} { // JSON varies in white space.
						res.Header.Del(name)
					}
					return res.StatusCode, res.Header, body
				}
				status, header, body := read("/api/todos:watch")
				wantStatus, wantHeader, wantBody := read("/api/todos/A")
				if status != wantStatus {
					t.Errorf("status %d, a call has %d", status, wantStatus)
				}
				if diff := cmp.Diff(wantHeader, header); diff != "" || header.Get("Retry-After") != "7" {
					t.Errorf("header (-call +stream):\n%s", diff)
				}
				if diff := cmp.Diff(wantBody, body); diff != "" {
					t.Errorf("body (-call +stream):\n%s", diff)
				}
			})
		}
	}
}

// TestAnErrorAfterTheFirstEventIsTheLastEvent expects the same JSON as of a call.
func TestAnErrorAfterTheFirstEventIsTheLastEvent(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := startWatch(t, func(_ context.Context, _ *watchRequest, stream *watchStream) error {
				if stream == nil {
					return detailed(connect.CodeUnavailable) // Of the call.
				}
				return errors.Join(stream.Send(&watchMessage{NextSyncToken: "one"}), detailed(connect.CodeUnavailable))
			})
			res := request(t, http2, url+"/api/todos:watch")
			defer res.Body.Close()
			body := bufio.NewReader(res.Body)
			if event := readEvent(t, body); event["id"] != "one" {
				t.Errorf("the first event is %v", event)
			}
			event := readEvent(t, body)
			var got, want any
			if err := json.Unmarshal([]byte(event["data"]), &got); err != nil || event["event"] != "error" || len(event) != 2 {
				t.Fatalf("the last event is %v: %v", event, err)
			}
			called := request(t, http2, url+"/api/todos/A")
			defer called.Body.Close()
			if err := json.NewDecoder(called.Body).Decode(&want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("data (-call +event):\n%s", diff)
			}
			if event := readEvent(t, body); event != nil {
				t.Errorf("after the error: %v", event)
			}
		})
	}
}

func TestAStreamGoesOnFromTheLastEvent(t *testing.T) {
	t.Parallel()
	url := startWatch(t, func(_ context.Context, req *watchRequest, stream *watchStream) error {
		return stream.Send(&watchMessage{NextSyncToken: fmt.Sprintf("after %q", req.GetSyncToken())})
	})
	for name, test := range map[string]struct {
		query   string
		headers []string
		want    string // An event's id, or a part of an error.
	}{
		"from the beginning":                {"", nil, `after ""`},
		"from a parameter":                  {"?syncToken=a", nil, `after "a"`},
		"from an event":                     {"", []string{"Last-Event-ID", "b"}, `after "b"`},
		"from an event, in UTF-8":           {"", []string{"Last-Event-ID", `é"\`}, `after "é\"\\"`},
		"the header overrides":              {"?syncToken=a", []string{"Last-Event-ID", "b"}, `after "b"`},
		"the header overrides its spelling": {"?sync_token=a", []string{"Last-Event-ID", "b"}, `after "b"`},
		"an empty header is none":           {"?syncToken=a", []string{"Last-Event-ID", ""}, `after "a"`},
		"two headers":                       {"", []string{"Last-Event-ID", "a", "Last-Event-ID", "b"}, "Last-Event-ID must be the id of one event"},
		"no UTF-8":                          {"", []string{"Last-Event-ID", "\xff"}, "Last-Event-ID must be the id of one event"},
		"a parameter given twice":           {"?syncToken=a&sync_token=a", []string{"Last-Event-ID", "b"}, "more than once"},
		"an unknown parameter":              {"?a=a", []string{"Last-Event-ID", "b"}, "unknown"},
		"whatever it accepts":               {"", []string{"Accept", "application/json"}, `after ""`},
		"what EventSource accepts":          {"", []string{"Accept", "text/event-stream", "Cache-Control", "no-cache"}, `after ""`},
		"a compression that is not asked":   {"?syncToken=a", []string{"Connect-Content-Encoding", "br"}, `after "a"`},
		"an If-Match, which means nothing":  {"", []string{"If-Match", `"a"`}, `after ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := request(t, false, url+"/api/todos:watch"+test.query, test.headers...)
			defer res.Body.Close()
			if res.StatusCode == http.StatusOK {
				if event := readEvent(t, bufio.NewReader(res.Body)); event["id"] != test.want {
					t.Errorf("%v, want the id %s", event, test.want)
				}
				return
			}
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), test.want) {
				t.Errorf("status %d, %s, want 400 with %s", res.StatusCode, body, test.want)
			}
		})
	}
}

func TestTheStreamOfARequestIsKnownBeforeItIsServed(t *testing.T) {
	t.Parallel()
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: items(t), RPC: http.NotFoundHandler(),
		Refuse: func(http.ResponseWriter, *http.Request, rest.Refusal) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]string{
		"GET /v1/items:watch":     "/test.v1.TestService/Watch",
		"GET /v1/items:w%61tch":   "/test.v1.TestService/Watch",
		"GET /v1/items/A:watch":   "/test.v1.TestService/WatchOne",
		"GET /v1/items%3Awatch":   "",
		"HEAD /v1/items:watch":    "",
		"POST /v1/items:watch":    "",
		"GET /v1/items:sync":      "",
		"GET /v1/items":           "",
		"GET /v1/items/A/B:watch": "",
		"GET /:":                  "",
	} {
		verb, target, _ := strings.Cut(call, " ")
		if got := transcoder.StreamOf(httptest.NewRequest(verb, target, nil)); got != want {
			t.Errorf("%s opens %q, want %q", call, got, want)
		}
	}
}
