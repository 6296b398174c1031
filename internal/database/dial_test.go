package database

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// backoffTest drives a backoff as a pool does.
type backoffTest struct {
	*backoff
	t   *testing.T
	log bytes.Buffer
}

func newBackoffTest(t *testing.T) *backoffTest {
	t.Helper()
	b := &backoffTest{t: t}
	b.backoff = newBackoff(slog.New(slog.NewTextHandler(&b.log, nil)))
	return b
}

// allowed reports whether an attempt may be made now.
func (b *backoffTest) allowed() bool {
	b.t.Helper()
	return b.allow(b.t.Context(), nil) == nil
}

// end ends an attempt.
func (b *backoffTest) end(err error) {
	b.TraceConnectEnd(b.t.Context(), pgx.TraceConnectEndData{Err: err})
}

// fail makes an attempt that fails.
func (b *backoffTest) fail() {
	b.t.Helper()
	if !b.allowed() {
		b.t.Fatal("no attempt is allowed")
	}
	b.end(errors.New("refused"))
}

// succeed makes an attempt that succeeds.
func (b *backoffTest) succeed() {
	b.t.Helper()
	if !b.allowed() {
		b.t.Fatal("no attempt is allowed")
	}
	b.end(nil)
}

func TestAttemptsToConnectGrowApartWhileTheyFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		for n, want := range []int{100, 200, 400, 500, 500, 500} {
			b.fail()
			delay := time.Duration(want) * time.Millisecond
			time.Sleep(delay - time.Nanosecond)
			if b.allowed() {
				t.Fatalf("after failure %d, allowed before %v", n+1, delay)
			}
			time.Sleep(time.Nanosecond)
		}
		for range 100 { // The delay does not overflow.
			b.fail()
			time.Sleep(maxDialDelay)
		}
	})
}

func TestOneAttemptAtATimeTriesADatabaseThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		b.fail()
		time.Sleep(time.Hour)
		if !b.allowed() {
			t.Fatal("no attempt is allowed after the delay")
		}
		if b.allowed() {
			t.Error("a second attempt is allowed beside the first")
		}
		b.end(nil)
		for range maxAttempts {
			if !b.allowed() {
				t.Error("attempts are held back after a success")
			}
		}
	})
}

func TestAFewAttemptsAtATimeAreMadeUntilOneFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		for range maxAttempts {
			if !b.allowed() {
				t.Fatal("attempts are held back before any has failed")
			}
		}
		const others = 3
		outcomes := make(chan bool, others)
		for range others {
			go func() { outcomes <- b.allowed() }()
		}
		synctest.Wait()
		if len(outcomes) > 0 {
			t.Fatalf("%d more don't wait", len(outcomes))
		}
		b.end(nil)
		synctest.Wait()
		if len(outcomes) != 1 || !<-outcomes {
			t.Error("an attempt that ended doesn't let one other begin")
		}
		b.end(errors.New("refused"))
		synctest.Wait()
		for range others - 1 {
			if len(outcomes) == 0 || <-outcomes {
				t.Error("one that waited goes on after a failure")
			}
		}
		time.Sleep(time.Hour)
		if b.allowed() {
			t.Error("an attempt is allowed while others are under way")
		}
	})
}

func TestAWaitToConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBackoffTest(t)
	for range maxAttempts {
		if !b.allowed() {
			t.Fatal("attempts are held back before any has failed")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.allow(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("allow: %v, want %v", err, context.Canceled)
	}
}

func TestARefusalToConnectGivesTheReasonAndIsNoDeadline(t *testing.T) {
	t.Parallel()
	b := newBackoffTest(t)
	b.fail()
	if err := b.allow(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("allow: %v, want the reason of the failure", err)
	}
}

func TestADatabaseThatComesAndGoesIsLoggedTwiceInFiveSecondsAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		for range 10 { // Within the interval.
			b.fail()
			time.Sleep(200 * time.Millisecond)
			b.succeed()
		}
		want := []string{"not reachable", "reachable again"}
		for range 2 {
			time.Sleep(dialLogInterval)
			b.fail()
			time.Sleep(maxDialDelay)
			b.succeed()
			want = append(want, "not reachable", "reachable again")
		}
		lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
		if len(lines) != len(want) {
			t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), b.log.String())
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("line %d: %s, want %q in it", i, lines[i], want[i])
			}
		}
	})
}

// TestADialToCancelAStatementIsBounded has a server that says nothing, or can't be
// reached.
func TestADialToCancelAStatementIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		silent := b.dialWith(func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
			return ours, nil
		}, UsualBounds().Cancel)
		began := time.Now()
		conn, err := silent(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != UsualBounds().Cancel {
			t.Errorf("read: %v after %v", err, time.Since(began))
		}
		away := b.dialWith(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, UsualBounds().Cancel)
		began = time.Now()
		if _, err := away(t.Context(), "tcp", ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != UsualBounds().Cancel {
			t.Errorf("dial: %v after %v", err, time.Since(began))
		}
		attempt := b.TraceConnectStart(t.Context(), pgx.TraceConnectStartData{})
		began = time.Now()
		attempt, cancel := context.WithTimeout(attempt, time.Hour)
		defer cancel()
		if _, _ = away(attempt, "tcp", ""); time.Since(began) != time.Hour {
			t.Errorf("an attempt to connect ended after %v", time.Since(began))
		}
	})
}

func TestNothingButAttemptsDialsADatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	b := newBackoffTest(t)
	dialled := 0
	dial := b.dialWith(func(context.Context, string, string) (net.Conn, error) {
		dialled++
		conn, _ := net.Pipe()
		return conn, nil
	}, UsualBounds().Cancel)
	attempt := b.TraceConnectStart(t.Context(), pgx.TraceConnectStartData{})
	for _, failures := range []int{0, 1} {
		for range failures {
			b.fail()
		}
		dialled = 0
		_, _ = dial(attempt, "tcp", "")
		_, err := dial(t.Context(), "tcp", "") // To cancel a statement.
		if want := 2 - failures; dialled != want || (err == nil) != (failures == 0) {
			t.Errorf("after %d failures: %d dials, the last %v; want %d", failures, dialled, err, want)
		}
	}
}
