package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// sweeps counts sweeps, every second of which fails.
type sweeps struct{ n, requests int }

func (s *sweeps) Sweep(context.Context) (int, error) {
	if s.n++; s.n%2 == 0 {
		return 0, errors.New("no database")
	}
	return 7, nil
}

func (s *sweeps) SweepRequests(context.Context) (int, error) {
	if s.requests++; s.requests%2 == 0 {
		return 0, errors.New("no more of it")
	}
	return 7, nil
}

func TestTheTrashIsSweptNowAndThenUntilTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(pgtest.Log)
		var store sweeps
		stop := startSweep(t.Context(), &store, log.Logger())
		time.Sleep(24 * time.Hour)
		stop()
		if store.n < 64 || store.n > 192 { // 96 on average.
			t.Errorf("%d sweeps in a day", store.n)
		}
		if store.requests != store.n {
			t.Errorf("%d sweeps of requests and %d of the trash", store.requests, store.n)
		}
		n := store.n
		time.Sleep(time.Hour)
		if store.n != n {
			t.Error("it goes on after its end")
		}
		for _, want := range []string{`"removed old trash","todos":7`, `"level":"WARN"`, "no database", "no more of it"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String())
			}
		}
	})
}

func TestASweepEndsAtOnceWhenNothingIsDue(t *testing.T) {
	t.Parallel()
	startSweep(t.Context(), new(sweeps), slog.New(slog.DiscardHandler))()
}
