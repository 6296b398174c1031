package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// waitingCall is a call of a method that waits.
type waitingCall struct {
	timeout string        // That its caller asks for, in milliseconds.
	leaves  time.Duration // After which its caller leaves; 0 for never.
	drains  time.Duration // After which the server drains; 0 for never.
	wait    time.Duration // That the call is given.
	life    time.Duration // Of the caller's token; 0 for ever.
	work    func(ctx context.Context, granted time.Duration) error
}

// serve serves the call. It returns its response, its line in the log, and how long before
// the connection's write deadline the call had its answer.
func (c waitingCall) serve(t *testing.T) (w *httptest.ResponseRecorder, line logLine, left time.Duration) {
	t.Helper()
	w = httptest.NewRecorder()
	conn := &deadlines{ResponseWriter: w}
	log := &lineLog{grown: make(chan struct{})}
	errs := newErrorRenderer(testErrors().Lookup)
	refuse, health := newRefuser(errs), newHealth(func(context.Context) error { return nil })
	defer health.close()
	routes := newRoutes(refuse)
	const path = todov1connect.TodoServiceGetTodoProcedure
	routes.procedure(procedure{name: path, handler: connect.NewUnaryHandlerSimple(path,
		func(ctx context.Context, _ *todov1.GetTodoRequest) (*todov1.Todo, error) {
			if c.life > 0 {
				stateOf(ctx).expires = time.Now().Add(c.life)
			}
			ctx, granted, cancel := WithWait(ctx, c.wait)
			defer cancel()
			defer func() { left = time.Until(conn.write) }()
			return new(todov1.Todo), c.work(ctx, granted)
		}, baseOptions(errs, testCodecs()))})
	handler := withMiddleware(Config{Logger: slog.New(slog.NewJSONHandler(log, nil))}, refuse, health, newUnreadResponses(nil), routes)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	if c.leaves > 0 {
		defer time.AfterFunc(c.leaves, leave).Stop()
	}
	if c.drains > 0 {
		defer time.AfterFunc(c.drains, health.end).Stop()
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}")).WithContext(ctx)
	r.Header.Set("Content-Type", "application/json")
	if c.timeout != "" {
		r.Header.Set("Connect-Timeout-Ms", c.timeout)
	}
	handler.ServeHTTP(conn, r)
	return w, log.next(t), left
}

// TestACallThatWaitsHasItsTimeBeyondTheWait measures, in a bubble, how long a call may
// take, who ends it, and how it is logged.
func TestACallThatWaitsHasItsTimeBeyondTheWait(t *testing.T) {
	t.Parallel()
	const wait = 25 * time.Second
	asGranted := func(_ context.Context, granted time.Duration) error {
		time.Sleep(granted)
		return nil
	}
	untilItEnds := func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		call   waitingCall
		took   time.Duration
		status int
		level  string
		ended  streamEnd
	}{
		"answers after its wait":               {waitingCall{wait: wait, work: asGranted}, wait, http.StatusOK, "INFO", endDone},
		"its token expires":                    {waitingCall{wait: wait, life: 7 * time.Second, work: asGranted}, 7 * time.Second, http.StatusOK, "INFO", endDone},
		"its token outlives the wait":          {waitingCall{wait: wait, life: time.Minute, work: asGranted}, wait, http.StatusOK, "INFO", endDone},
		"never answers":                        {waitingCall{wait: wait, work: untilItEnds}, wait + CallTimeout, http.StatusGatewayTimeout, "ERROR", endError},
		"its caller has little time":           {waitingCall{timeout: "3000", wait: wait, work: untilItEnds}, 3 * time.Second, http.StatusGatewayTimeout, "INFO", endCaller},
		"its caller has more time than a call": {waitingCall{timeout: "60000", wait: wait, work: untilItEnds}, wait + CallTimeout, http.StatusGatewayTimeout, "ERROR", endError},
		"its caller leaves":                    {waitingCall{leaves: 20 * time.Second, wait: wait, work: untilItEnds}, 20 * time.Second, statusClientClosedRequest, "INFO", endCaller},
		"fails": {
			waitingCall{wait: wait, work: func(context.Context, time.Duration) error { return errMissing }},
			0, http.StatusNotFound, "INFO", endError,
		},
		"the server drains": {waitingCall{drains: 12 * time.Second, wait: wait, work: func(ctx context.Context, _ time.Duration) error {
			select {
			case <-Ending(ctx):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, 12 * time.Second, http.StatusOK, "INFO", endDrain},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			w, line, left := test.call.serve(t)
			if took := time.Since(start); took != test.took || w.Code != test.status {
				t.Errorf("%s: %d after %v, want %d after %v: %s", name, w.Code, took, test.status, test.took, w.Body)
			}
			if line.Level != test.level || line.Ended != string(test.ended) || line.Messages != nil {
				t.Errorf("%s: logged as %+v, want %s, %s", name, line, test.level, test.ended)
			}
			if test.took >= writeTimeout && left < chunkTimeout {
				t.Errorf("%s: %v are left to write the response", name, left)
			}
		})
	}
}

// TestNobodyWaitsOutsideOfACall is for handlers in tests.
func TestNobodyWaitsOutsideOfACall(t *testing.T) {
	t.Parallel()
	if Ending(t.Context()) != nil {
		t.Error("it ends")
	}
	ctx, granted, cancel := WithWait(t.Context(), time.Second)
	cancel()
	if granted != time.Second {
		t.Errorf("it may wait for %v", granted)
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("after cancel: %v", ctx.Err())
	}
}
