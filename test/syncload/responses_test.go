//go:build linux

package syncload

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestOnlyUnavailableTellsOfAnOutage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		is   bool
	}{
		{"no answer", connect.NewError(connect.CodeDeadlineExceeded, errors.New("x")), true},
		{"unavailable", connect.NewWireError(connect.CodeUnavailable, errors.New("x")), true},
		{"the deadline is over, says the service", connect.NewWireError(connect.CodeDeadlineExceeded, errors.New("x")), false},
		{"internal", connect.NewWireError(connect.CodeInternal, errors.New("x")), false},
	} {
		if got := IsOutage(test.err); got != test.is {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestEachBadResponseIsCounted has a server that answers calls by what is wanted.
func TestEachBadResponseIsCounted(t *testing.T) {
	t.Parallel()
	const unavailable = `{"code":"unavailable","message":"x"}`
	answer := func(status int, retryAfter, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // The caller tells.
		}
	}
	breakOff := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "\x00") // The caller tells.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	list := func(c *Client) error {
		_, err := c.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		return err
	}
	create := func(c *Client) error {
		_, err := c.CreateTodo(t.Context(), &todov1.CreateTodoRequest{})
		return err
	}
	watch := func(c *Client) error {
		stream, err := c.WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
		if err != nil {
			return err
		}
		for stream.Receive() {
		}
		return errors.Join(stream.Err(), stream.Close())
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		option  connect.ClientOption
		call    func(*Client) error
		want    Responses
	}{
		{"503 with Retry-After", answer(503, "1", ""), connect.WithGRPC(), list, Responses{}},
		{"503 without Retry-After", answer(503, "", ""), connect.WithGRPC(), list, Responses{WithoutRetry: 1}},
		{"502", answer(502, "1", unavailable), connect.WithProtoJSON(), list, Responses{OtherFailures: 1}},
		{"504 over gRPC-Web", answer(504, "1", ""), connect.WithGRPCWeb(), list, Responses{OtherFailures: 1}},
		{"a read breaks off", breakOff, connect.WithProtoJSON(), list, Responses{UnansweredReads: 1}},
		{"a write breaks off", breakOff, connect.WithProtoJSON(), create, Responses{UnansweredWrites: 1}},
		{"a stream breaks off", breakOff, connect.WithGRPCWeb(), watch, Responses{BrokenOff: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			client := NewClient(t, server.URL, false, test.option)
			if err := test.call(client); err == nil {
				t.Error("the call succeeds")
			}
			if got := New(t, Config{Clients: []*Client{client}}).Responses(); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestUnavailableWithoutRetryInfoIsCounted(t *testing.T) {
	t.Parallel()
	s := New(t, Config{})
	bare, full := connect.NewWireError(connect.CodeUnavailable, errors.New("x")), connect.NewWireError(connect.CodeUnavailable, errors.New("x"))
	detail, err := connect.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	full.AddDetail(detail)
	s.pauseAfter(t.Context(), full)
	s.pauseAfter(t.Context(), connect.NewError(connect.CodeUnavailable, io.ErrUnexpectedEOF)) // Nobody said anything.
	if got := s.Responses(); got != (Responses{}) {
		t.Errorf("%+v", got)
	}
	s.pauseAfter(t.Context(), bare)
	if got, want := s.Responses().Since(Responses{}), (Responses{WithoutRetry: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
