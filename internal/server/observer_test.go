package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
)

// reports keeps what it was told.
type reports struct {
	mu    sync.Mutex
	began int
	ended []RequestReport
}

func (r *reports) RequestBegan() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began++
}

func (r *reports) RequestEnded(report RequestReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, report)
}

// take returns the only report since the last call.
func (r *reports) take(t *testing.T) RequestReport {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ended) != 1 || r.began != 1 {
		t.Fatalf("%d requests began, and ended: %v", r.began, r.ended)
	}
	report := r.ended[0]
	r.began, r.ended = 0, nil
	return report
}

func TestAnObserverIsToldOfEachRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testAnObserverIsToldOfEachRequest) // So that no time passes for the rate limit.
}

func testAnObserverIsToldOfEachRequest(t *testing.T) {
	const get = "/todo.v1.TodoService/GetTodo"
	observer := new(reports)
	cfg := testConfig()
	cfg.Observer, cfg.RateLimit = observer, 1
	handler := newTodoServer(t, cfg)
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		want                     RequestReport
	}{
		{
			"a call", "POST", get, "{}",
			[]string{"Authorization", "Bearer a", "Content-Type", "application/json"},
			RequestReport{Procedure: get, Protocol: "connect", Code: "ok"},
		},
		{
			"a body that is none", "POST", get, "{",
			[]string{"Authorization", "Bearer a", "Content-Type", "application/json"},
			RequestReport{Procedure: get, Protocol: "connect", Code: "invalid_argument"},
		},
		{
			"above the rate", "POST", get, "{}",
			[]string{"Authorization", "Bearer a", "Content-Type", "application/json"},
			RequestReport{Procedure: get, Protocol: "connect", Code: "resource_exhausted", Refused: "rate_limited"},
		},
		{
			"a wrong verb", "PUT", get, "{}", nil,
			RequestReport{Procedure: get, Protocol: "connect", Code: "unimplemented", Refused: "wrong_method"},
		},
		{
			"a wrong content type", "POST", get, "{}",
			[]string{"Content-Type", "text/plain"},
			RequestReport{Procedure: get, Protocol: "connect", Code: "invalid_argument", Refused: "content_type"},
		},
		{
			"a broken GET", "GET", get + "?message=%", "", nil,
			RequestReport{Procedure: get, Protocol: "connect", Code: "invalid_argument", Refused: "bad_request"},
		},
		{
			"an unknown path", "GET", "/secret", "", nil,
			RequestReport{Procedure: ProcedureOther, Protocol: "http", Code: "not_found", Refused: "unknown_path"},
		},
		{
			"an unknown method of gRPC", "POST", "/todo.v1.TodoService/Secret", "",
			[]string{"Content-Type", "application/grpc"},
			RequestReport{Procedure: ProcedureOther, Protocol: "grpc", Code: "unimplemented", Refused: "unknown_path"},
		},
		{
			"large headers", "GET", "/livez", "",
			[]string{"X-Large", strings.Repeat("x", maxHeaderBytes)},
			RequestReport{Procedure: ProcedureOther, Protocol: "http", Code: "resource_exhausted", Refused: "headers_too_large"},
		},
		{
			"a probe", "GET", "/livez", "", nil,
			RequestReport{Procedure: ProcedureProbe, Protocol: "http", Code: "ok"},
		},
		{
			"a preflight of a stranger", "OPTIONS", get, "",
			[]string{"Origin", "https://stranger.example", preflightMethod, "POST"},
			RequestReport{Procedure: ProcedureOther, Protocol: "http", Code: "ok", Refused: "origin_not_allowed"},
		},
	} {
		serve := func() {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			for i := 0; i < len(test.headers); i += 2 {
				r.Header.Set(test.headers[i], test.headers[i+1])
			}
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		if test.want.Refused == "rate_limited" {
			for range minBurst - 2 { // The rest of the burst.
				serve()
				observer.take(t)
			}
		}
		serve()
		if got := observer.take(t); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestAnObserverIsToldOfARequestThatPanics(t *testing.T) {
	t.Parallel()
	observer := new(reports)
	synctest.Test(t, func(t *testing.T) {
		const took = 3 * time.Second
		handler := withState(withLog(testConfig().Logger, withObserver(observer, http.HandlerFunc(
			func(http.ResponseWriter, *http.Request) {
				time.Sleep(took)
				panic(http.ErrAbortHandler)
			}))))
		func() {
			defer func() { _ = recover() }()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		if got := observer.take(t).Took; got != took {
			t.Errorf("it took %v, want %v", got, took)
		}
	})
}

// TestTheAuthenticationsOwnFailureIsARefusal is about keys that can't be had.
func TestTheAuthenticationsOwnFailureIsARefusal(t *testing.T) {
	t.Parallel()
	state := &requestState{code: connect.CodeUnavailable, cause: errAway, unauthenticated: true}
	if got := state.whyRefused(); got != "auth_unavailable" {
		t.Errorf("refused for %q", got)
	}
	state.unauthenticated = false
	if got := state.whyRefused(); got != "" {
		t.Errorf("a call that failed later is refused for %q", got)
	}
}

// TestInterceptorsSeeWhatTheCallerGets has one that is told of an error.
func TestInterceptorsSeeWhatTheCallerGets(t *testing.T) {
	t.Parallel()
	var seen error
	cfg := testConfig()
	cfg.Interceptors = []connect.Interceptor{connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			res, err := next(ctx, req)
			seen = err
			SetTraceID(ctx, "t")
			if got := stateOf(ctx).traceID; got != "t" {
				t.Errorf("the request's trace is %q", got)
			}
			return res, err
		}
	})}
	server := newTodoServer(t, cfg)
	r := httptest.NewRequest("POST", "/todo.v1.TodoService/DeleteTodo", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer a")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	shown, ok := seen.(*connect.Error) //nolint:errorlint // The error itself, not one in it.
	if !ok || !strings.Contains(string(body), shown.Message()) || shown.Code() != connect.CodeUnimplemented {
		t.Errorf("it saw %v, the caller %s", seen, body)
	}
}
