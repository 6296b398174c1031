package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// panicking is a service whose RPCs panic.
type panicking struct {
	todov1connect.UnimplementedTodoServiceHandler
}

func (panicking) GetTodo(context.Context, *todov1.GetTodoRequest) (*todov1.Todo, error) {
	panic("canary of the handler")
}

func TestAHandlersPanicIsAnInternalErrorInTheCallersProtocol(t *testing.T) {
	t.Parallel()
	errs := newErrorRenderer(testErrors().Lookup)
	var log bytes.Buffer
	_, handler := todov1connect.NewTodoServiceHandler(panicking{},
		connect.WithInterceptors(errs), connect.WithRecover(recoverCall))
	server := httptest.NewServer(withState(withRequestID(withLog(slog.New(slog.NewJSONHandler(&log, nil)), handler))))
	for _, options := range [][]connect.ClientOption{{connect.WithProtoJSON()}, {}, {connect.WithGRPCWeb()}} {
		client := todov1connect.NewTodoServiceClient(server.Client(), server.URL, options...)
		_, err := client.GetTodo(t.Context(), &todov1.GetTodoRequest{})
		if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
	server.Close() // Now the log is complete.
	if got := strings.Count(log.String(), "panic: canary of the handler"); got != 3 {
		t.Errorf("the log has the panic %d times:\n%s", got, log.String())
	}
}

func TestAPanicAnywhereElseIsAnInternalErrorToo(t *testing.T) {
	t.Parallel()
	refuse := newRefuser(newErrorRenderer(testErrors().Lookup))
	handler := withState(withLog(slog.New(slog.DiscardHandler), withRecover(refuse, http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { panic("canary") }))))

	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/", nil))
	if res.Code != 500 || res.Body.String() != `{"code":"internal","message":"internal error"}` {
		t.Errorf("%d %s", res.Code, res.Body)
	}

	req := httptest.NewRequest(http.MethodPost, "/", nil)
	req.Header.Set("Content-Type", "application/grpc")
	res = httptest.NewRecorder()
	handler.ServeHTTP(res, req)
	if got := res.Result().Trailer.Get("Grpc-Status"); res.Code != 200 || got != "13" {
		t.Errorf("%d %q", res.Code, got)
	}
}

func TestAPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := withState(withLog(slog.New(slog.NewJSONHandler(&log, nil)), withRecover(newRefuser(newErrorRenderer(testErrors().Lookup)), http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic("canary")
		}))))
	defer func() {
		if value, _ := recover().(error); !errors.Is(value, http.ErrAbortHandler) {
			t.Errorf("recovered %v", value)
		}
		if !strings.Contains(log.String(), `"code":"internal"`) || !strings.Contains(log.String(), "canary") {
			t.Errorf("logged %s", log.String())
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}
