package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestARequestsContextHasItsDeadlineAndEndsWithIt(t *testing.T) {
	t.Parallel()
	streams := map[string]*streamConfig{"/stream": {maxDuration: 3 * time.Minute}, "/endless": {}}
	for path, timeout := range map[string]time.Duration{"/call": callTimeout, "/stream": 3 * time.Minute, "/endless": 0} {
		synctest.Test(t, func(t *testing.T) {
			var served *http.Request
			handler := withState(withDeadline(t.Context(), func(path string) *streamConfig { return streams[path] },
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					served = r
					deadline, ok := r.Context().Deadline()
					if ok != (timeout > 0) || ok && time.Until(deadline) != timeout {
						t.Errorf("%s: the deadline is in %v, want %v", path, time.Until(deadline), timeout)
					}
					if err := r.Context().Err(); err != nil {
						t.Errorf("%s: the context has ended: %v", path, err)
					}
				})))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
			if served.Context().Err() == nil {
				t.Errorf("%s: the context outlives the request", path)
			}
		})
	}
}

func TestAFunctionThatHasBegunEndsBeforeItsRequestDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, ended := make(chan struct{}), false
		stop := afterFunc(ctx, func() {
			close(begun)
			time.Sleep(time.Second)
			ended = true
		})
		cancel()
		<-begun
		stop()
		if !ended {
			t.Error("stop returned while the function ran")
		}
	})
	stop := afterFunc(t.Context(), func() { t.Error("called, though it was stopped before") })
	stop()
}
