package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestAnAbortThatIsStoppedGoesOn stops it between its two databases. Both an abort and a move
// go on from there.
func TestAnAbortThatIsStoppedGoesOn(t *testing.T) {
	t.Parallel()
	for _, isAborted := range []bool{false, true} {
		d := newTwoDatabases(t)
		create(t, d.from, d.mover, "t")
		stopAt := func(step string) (*postgres.Move, context.Context) {
			ctx, stop := context.WithCancel(t.Context())
			move := d.move()
			move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), step, stop})
			return move, ctx
		}
		move, ctx := stopAt("copied")
		if err := move.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		move, ctx = stopAt("removed the copy at the target")
		if err := move.Abort(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "1" || to != "3" {
			t.Fatalf("the seals are %s and %s", from, to)
		}
		if isAborted {
			if err := d.move().Abort(t.Context()); err != nil {
				t.Fatal(err)
			}
			create(t, d.from, d.mover, "after the abort")
		}
		run(t, d.move())
		if known, _ := follow(t, d.to, d.mover, nil, 10); len(known) != 1 && !isAborted || len(known) != 2 && isAborted {
			t.Errorf("the target has %v", known)
		}
	}
}

// TestAnAbortWaitsForACopyUnderWay has the commit of a copy under way whose process was
// killed.
func TestAnAbortWaitsForACopyUnderWay(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	dieAfter(t, d.move(), sealedStep)
	copying := pgtest.Begin(t, d.toURL, `
		WITH account AS (INSERT INTO todo_account (user_id, revision, sealed) VALUES ('mover', 1, 2))
		INSERT INTO todo (user_id, title) VALUES ('mover', 'a copy')`)
	failed := make(chan error, 1)
	go func() { failed <- d.move().Abort(t.Context()) }()
	pgtest.WaitForLocked(t, d.toURL, 1)
	if err := copying.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "0" || to != "3" || rowsOf(t, d.toURL, "mover") != "" {
		t.Errorf("the seals are %s and %s, and the target has %s", from, to, rowsOf(t, d.toURL, "mover"))
	}
}

// TestAnAbortLeavesNothingWhereNothingWas has no copy yet.
func TestAnAbortLeavesNothingWhereNothingWas(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	dieAfter(t, d.move(), sealedStep)
	if err := d.move().Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seal := sealOf(t, d.toURL, d.mover); seal != "" {
		t.Errorf("the target has an account (%s)", seal)
	}
}

// TestAnAbortOpensTheSourceOfARefusedMove has an earlier run leave it sealed. Scripts abort
// whatever move has failed.
func TestAnAbortOpensTheSourceOfARefusedMove(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	if err := d.move().Abort(t.Context()); err != nil {
		t.Fatalf("an abort of no move: %v", err)
	}
	dieAfter(t, d.move(), sealedStep)
	create(t, d.to, d.mover, "astray")
	d.refuses(t, d.move().Run, "-abort opens it again")
	if err := d.move().Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, d.from, d.mover, "after the abort")
}

// TestAnAbortWithoutTheTargetOpensASourceThatHasNotHandedOver ends a move after each step, and
// aborts it without its target.
func TestAnAbortWithoutTheTargetOpensASourceThatHasNotHandedOver(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		sealedStep: "", copiedStep: "", comparedStep: "", handedStep: "only the target knows", switchedStep: "only the target knows",
		routedStep: "only the target knows", leftStep: "has taken over already",
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			d := newTwoDatabases(t)
			create(t, d.from, d.mover, "t")
			dieAfter(t, d.move(), step)
			abort := d.move()
			abort.To = nil
			if want != "" {
				d.refuses(t, abort.AbortWithoutTarget, want)
				return
			}
			log, copied := new(pgtest.Log), dump(t, d.toURL)
			abort.Logger = log.Logger()
			if err := abort.AbortWithoutTarget(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "a copy may stay there") {
				t.Errorf("the log doesn't warn of it:\n%s", log)
			}
			if dump(t, d.toURL) != copied {
				t.Error("the target changed")
			}
			create(t, d.from, d.mover, "after the abort")
			before := rowsOf(t, d.fromURL, "mover")
			if err := d.move().Abort(t.Context()); err != nil {
				t.Errorf("an abort with the target, later: %v", err)
			}
			run(t, d.move())
			if got := rowsOf(t, d.toURL, "mover"); got != before {
				t.Errorf("the target has\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// TestAMoveThatIsOvertakenByAnAbortHandsNothingOver has the source opened, and its lock lost,
// while the target is compared.
func TestAMoveThatIsOvertakenByAnAbortHandsNothingOver(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	move := d.move()
	move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), comparedStep, func() {
		pgtest.Exec(t, d.fromURL, `
			SELECT pg_terminate_backend(pid) FROM pg_locks
			WHERE  locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		if err := d.move().AbortWithoutTarget(t.Context()); err != nil {
			t.Error(err)
		}
		create(t, d.from, d.mover, "after the abort")
	}})
	if err := move.Run(t.Context()); err == nil {
		t.Error("the move succeeds")
	}
	before := rowsOf(t, d.fromURL, "mover")
	if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "0" || to != "2" {
		t.Errorf("the seals are %s and %s, want open and arriving", from, to)
	}
	run(t, d.move())
	if got := rowsOf(t, d.toURL, "mover"); got != before {
		t.Errorf("the target has\n%s\nwant\n%s", got, before)
	}
}
