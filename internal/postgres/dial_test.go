package postgres

import (
	"bytes"
	"errors"
	"log/slog"
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
		for range 3 {
			if !b.allowed() {
				t.Fatal("attempts are held back before any has failed")
			}
		}
		b.fail()
		time.Sleep(time.Hour)
		if !b.allowed() {
			t.Fatal("no attempt is allowed after the delay")
		}
		if b.allowed() {
			t.Error("a second attempt is allowed beside the first")
		}
		b.end(nil)
		for range 3 {
			if !b.allowed() {
				t.Error("attempts are held back after a success")
			}
		}
	})
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
			b.end(nil)
		}
		want := []string{"not reachable", "reachable again"}
		for range 2 {
			time.Sleep(dialLogInterval)
			b.fail()
			b.end(nil)
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
