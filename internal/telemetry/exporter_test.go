package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// failing is an exporter that fails with err, unless that is nil, or hangs.
type failing struct {
	err   error
	hangs bool
}

func (f *failing) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	if f.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

func (*failing) Shutdown(context.Context) error { return nil }

func TestFailedExportsAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		next := &failing{err: errors.New("connection refused")}
		e := newExporter(next, slog.New(slog.NewTextHandler(&log, nil)))
		export := func(spans int) {
			t.Helper()
			if err := e.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, spans)); err != nil {
				t.Errorf("the SDK is told of %v, and would write it to stderr", err)
			}
		}
		check := func(lines int, last string) {
			t.Helper()
			all := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(all) != lines || !strings.Contains(all[lines-1], last) {
				t.Errorf("%d lines, want %d, the last with %q:\n%s", len(all), lines, last, log.String())
			}
		}
		export(1)
		check(1, "spans=1 cause=\"connection refused\"")
		for range 59 {
			time.Sleep(time.Second)
			export(10)
		}
		check(1, "spans=1")
		time.Sleep(time.Second)
		export(5)
		check(2, "spans=595")
		next.err = nil
		export(7)
		if exported, failed := e.exported.Load(), e.failed.Load(); exported != 7 || failed != 596 {
			t.Errorf("%d spans exported and %d failed, want 7 and 596", exported, failed)
		}
	})
}

func TestStopEndsAnExportThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		e := newExporter(&failing{hangs: true}, slog.New(slog.DiscardHandler))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = e.ExportSpans(context.Background(), make([]sdktrace.ReadOnlySpan, 1))
		}()
		synctest.Wait()
		e.stop()
		<-ended // Or synctest says that all are blocked.
	})
}
