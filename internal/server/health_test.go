package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/grpchealth"
)

func TestManyWhoAskAreOneLookAtTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		h := newHealth(func(context.Context) error {
			looks.Add(1)
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		ask := func(count int) {
			var asking sync.WaitGroup
			for range count {
				asking.Go(func() {
					if !h.ready(t.Context()) {
						t.Error("not ready")
					}
				})
			}
			asking.Wait()
		}
		ask(100)
		ask(100)
		if got := looks.Load(); got != 1 {
			t.Errorf("%d looks within a second", got)
		}
		time.Sleep(pingTTL + time.Millisecond)
		ask(100)
		if got := looks.Load(); got != 2 {
			t.Errorf("%d looks in two seconds", got)
		}
	})
}

func TestADatabaseThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		began := time.Now()
		if h.ready(t.Context()) {
			t.Error("ready")
		}
		if took := time.Since(began); took != pingTimeout {
			t.Errorf("it took %v", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		time.Sleep(pingTTL + time.Millisecond)
		if err := h.database(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever can't wait: %v", err)
		}
		time.Sleep(pingTimeout) // The check ends by itself.
	})
}

func TestAHealthWatchHearsOfChangesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(context.Context) error { return nil })
		var heard atomic.Int32
		stop, err := h.Watch(t.Context(), &grpchealth.CheckRequest{}, func() { heard.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3*watchInterval + time.Millisecond)
		stop()
		synctest.Wait()
		before := heard.Load()
		time.Sleep(10 * watchInterval)
		if before != 3 || heard.Load() != before {
			t.Errorf("heard %d times in 3 s, %d times after the stop", before, heard.Load()-before)
		}
	})
}

func TestAHealthWatchThatIsStoppedCallsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(func(context.Context) error { return nil })
		begun := make(chan struct{}, 1000)
		var calling atomic.Bool
		stop, err := h.Watch(t.Context(), &grpchealth.CheckRequest{}, func() {
			calling.Store(true)
			begun <- struct{}{}
			time.Sleep(time.Hour)
			calling.Store(false)
		})
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		stop()
		if calling.Load() {
			t.Error("stop returned before what it stops")
		}
	})
}

func TestAClosedHealthChecksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checking atomic.Bool
		h := newHealth(func(ctx context.Context) error {
			checking.Store(true)
			<-ctx.Done()
			checking.Store(false)
			return ctx.Err()
		})
		go h.ready(t.Context())
		synctest.Wait()
		if !checking.Load() {
			t.Fatal("nothing is checked")
		}
		h.close() // And no time passes.
		if checking.Load() {
			t.Error("the check goes on")
		}
		time.Sleep(pingTTL + time.Millisecond)
		if h.ready(t.Context()) || h.database(t.Context()) == nil || checking.Load() {
			t.Error("it checks the database again")
		}
	})
}

// TestAProbeCountsFromItsArrival has probes wait for the database, and for their
// message: so may as many as there are streams.
func TestAProbeCountsFromItsArrival(t *testing.T) {
	t.Parallel()
	for name, probe := range map[string]struct {
		method, path string
		late         bool
	}{
		"ready":                   {http.MethodGet, "/readyz", false},
		"health":                  {http.MethodGet, "/api/health", false},
		"check":                   {http.MethodPost, "/grpc.health.v1.Health/Check", false},
		"check, without its body": {http.MethodPost, "/grpc.health.v1.Health/Check", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				late, message := io.Pipe()
				if !probe.late {
					go func() { _, _ = io.WriteString(message, "{}"); _ = message.Close() }() // Nobody reads that of a GET.
				}
				ctx, leave := context.WithCancel(t.Context())
				request := httptest.NewRequest(probe.method, probe.path, late).WithContext(ctx)
				request.Header.Set("Content-Type", "application/json")
				handler := newTodoServer(t, Config{
					Ping:   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
					Logger: slog.New(slog.DiscardHandler),
				})
				unread := handler.unread
				answered := make(chan struct{})
				go func() {
					handler.ServeHTTP(httptest.NewRecorder(), request)
					close(answered)
				}()
				synctest.Wait()
				unread.mu.Lock()
				if held := maxUnreadResponses - unread.freeResponses; held != 1 {
					t.Errorf("%d responses are unread", held)
				}
				unread.mu.Unlock()
				_ = late.Close()
				leave()
				<-answered
				unread.isWhole(t)
			})
		})
	}
}

func TestAPanicOfTheDatabasesCheckIsAFailureOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(bytes.Buffer)
		handler := newTodoServer(t, Config{
			Ping:   func(context.Context) error { panic(errCanary) },
			Logger: slog.New(slog.NewJSONHandler(log, nil)),
		})
		for range 2 { // The second gets the result of the first.
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"status":"unavailable","database":"unavailable"}` {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		handler.Close()
		lines := log.String()
		if strings.Count(lines, `"level":"ERROR"`) != 1 || !strings.Contains(lines, errCanary.Error()) || !strings.Contains(lines, "health_test.go") {
			t.Errorf("logged %s", lines)
		}
	})
}
