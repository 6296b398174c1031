package database

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestALateReadBatchIsGivenUpAndNothingIsBatchedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{}
		r.took = func(s *Statement) time.Duration {
			if s.Name == "slow" {
				return time.Minute
			}
			return time.Millisecond
		}
		l := newLane(r, 1, oneAtATime())
		ctx, cancel := context.WithCancel(t.Context())
		first := start(t.Context(), l, read("first"))
		slow := start(ctx, l, read("slow"))
		began := time.Now()
		finish(t, first, start(t.Context(), l, read("quick")))
		if took := time.Since(began); took > UsualBounds().Batch+10*time.Millisecond {
			t.Errorf("held up for %v", took)
		}
		cancel()
		_ = slow()
		finish(t, start(t.Context(), l, read("d")), start(t.Context(), l, read("e")))
		time.Sleep(cooldown)
		finish(t, start(t.Context(), l, read("f")))
		r.want(t, []string{"first"}, []string{"slow", "quick"}, []string{"f"})
		if alone := r.ranAlone(); len(alone) != 4 {
			t.Errorf("alone %v, want slow, quick, d, e", alone)
		}
	})
}

func TestAWriteThatTheServerRefusesLeavesTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(10 * time.Millisecond)}
		r.fails = func(s *Statement) error {
			if s.Name == "b1" {
				return &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		calls := []func() error{start(t.Context(), l, write("x", "x"))}
		for _, s := range []Statement{write("a", "a1"), write("b", "b1"), write("b", "b2"), write("c", "c1")} {
			calls = append(calls, start(t.Context(), l, s))
		}
		finish(t, calls...)
		finish(t, start(t.Context(), l, write("b", "b3")))
		r.want(t, []string{"x"}, []string{"a1", "b1", "b2", "c1"}, []string{"a1", "c1"})
		alone := r.ranAlone()
		slices.Sort(alone)
		if want := []string{"b1", "b2", "b3"}; !slices.Equal(alone, want) {
			t.Errorf("alone %v, want %v", alone, want)
		}
	})
}

func TestAnOwnerStaysOutOfBatchesWhileTheirWritesWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{}
		locked := 3 * cooldown
		r.took = func(s *Statement) time.Duration {
			if s.Owner == "slow" {
				return locked
			}
			return time.Millisecond
		}
		r.fails = func(s *Statement) error {
			if s.Owner == "slow" {
				return &pgconn.PgError{Code: lockNotAvailable, SeverityUnlocalized: "ERROR"}
			}
			return nil
		}
		l := newLane(r, 1, oneAtATime())
		first := start(t.Context(), l, write("a", "a1"))
		waits := start(t.Context(), l, write("slow", "s1"))
		finish(t, first)
		time.Sleep(2 * cooldown) // It still runs alone.
		next := start(t.Context(), l, write("slow", "s2"))
		finish(t, start(t.Context(), l, write("b", "b1")), waits, next)
		locked = 0
		finish(t, start(t.Context(), l, write("slow", "s3"))) // Within a second of the wait.
		time.Sleep(cooldown)
		first = start(t.Context(), l, write("a", "a2"))
		again := start(t.Context(), l, write("slow", "s4"))
		finish(t, first, again)
		r.want(t, []string{"a1"}, []string{"s1"}, []string{"b1"}, []string{"a2"}, []string{"s4"})
	})
}

// TestStatementsBesideATransactionOfTheirOwnerRunAlone: its locks would hold up a batch.
func TestStatementsBesideATransactionOfTheirOwnerRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRunner{took: always(time.Millisecond)}
		l := newLane(r, 1, oneAtATime())
		first := start(t.Context(), l, write("x", "x"))
		waits := start(t.Context(), l, write("a", "a1"))
		include := l.exclude("a")
		again := l.exclude("a")
		finish(t, first, waits, start(t.Context(), l, write("a", "a2")), start(t.Context(), l, write("b", "b1")))
		include()
		finish(t, start(t.Context(), l, write("a", "a3")))
		again()
		finish(t, start(t.Context(), l, write("a", "a4")))
		r.want(t, []string{"x"}, []string{"b1"}, []string{"a4"})
		if alone, want := slices.Sorted(slices.Values(r.ranAlone())), []string{"a1", "a2", "a3"}; !slices.Equal(alone, want) {
			t.Errorf("alone %v, want %v", alone, want)
		}
		if n := len(l.cooldowns.owners); n > 0 {
			t.Errorf("%d owners are remembered", n)
		}
	})
}
