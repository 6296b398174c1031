package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// Steps of a move, as its log has them.
const (
	sealedStep   = "sealed the source: the user can read and not write"
	copiedStep   = "copied"
	comparedStep = "compared: both databases have the same"
	handedStep   = "handed over: no other target can take over"
	switchedStep = "switched: the target has taken over"
	routedStep   = "routed: the balancers send the user to the target"
	leftStep     = "cleaned up: the source has nothing of the user"
)

// dieAfter runs a move that ends right after a step, as if it were killed.
func dieAfter(t *testing.T, move *postgres.Move, step string) {
	t.Helper()
	type death struct{}
	defer func() {
		if died := recover(); died != (death{}) {
			t.Fatalf("the move did not come to %q: %v", step, died)
		}
	}()
	move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), step, func() { panic(death{}) }})
	move.Route = func(context.Context) error { return nil }
	err := move.Run(t.Context())
	t.Fatalf("the move ended by itself: %v", err)
}

// TestAUserHasOneTarget ends a move after each step, and runs it again and aborts it with
// another target. Exactly one database may be open then.
func TestAUserHasOneTarget(t *testing.T) {
	t.Parallel()
	for step, isHandedOver := range map[string]bool{
		sealedStep: false, copiedStep: false, comparedStep: false, handedStep: true, switchedStep: true, routedStep: true, leftStep: true,
	} {
		for _, isEmpty := range []bool{false, true} { // An account that a sync has made.
			t.Run(fmt.Sprint(step, ", an empty account ", isEmpty), func(t *testing.T) {
				t.Parallel()
				d := newTwoDatabases(t)
				create(t, d.from, d.mover, "t")
				other, otherURL := newStore(t)
				if isEmpty {
					follow(t, other, d.mover, nil, 10)
				}
				dieAfter(t, d.move(), step)

				astray := d.move()
				astray.To = other
				if !isHandedOver {
					run(t, astray)
					d.refuses(t, d.move().Run, "not at the target either", otherURL)
					d.refuses(t, d.move().Abort, "has taken over already", otherURL)
					return
				}
				want, wantOfAbort := "to another database than this target", "to another database than this target"
				if step == leftStep {
					want, wantOfAbort = "not at the target either", "has taken over already"
				}
				d.refuses(t, astray.Run, want, otherURL)
				d.refuses(t, astray.Abort, wantOfAbort, otherURL)
				if step == handedStep {
					if err := d.move().Abort(t.Context()); err != nil {
						t.Fatal(err)
					}
					create(t, d.from, d.mover, "after the abort")
				} else {
					d.refuses(t, d.move().Abort, "has taken over already", otherURL)
				}
				run(t, d.move())
				if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "3" || to != "0" {
					t.Errorf("the seals are %s and %s, want gone and open", from, to)
				}
				if rowsOf(t, d.fromURL, "mover") != "" || rowsOf(t, d.toURL, "mover") == "" {
					t.Error("the todos are not at the target alone")
				}
			})
		}
	}
}

// refuses wants an error that says so, and no change of any of the databases.
func (d *twoDatabases) refuses(t *testing.T, run func(context.Context) error, want string, others ...string) {
	t.Helper()
	all := func() (rows string) {
		for _, url := range append(others, d.fromURL, d.toURL) {
			rows += dump(t, url)
		}
		return rows
	}
	before := all()
	err := run(t.Context())
	if _, isRefusal := errors.AsType[*postgres.MoveRefusedError](err); !isRefusal || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want a refusal: %q", err, want)
	}
	if diff := cmp.Diff(before, all()); diff != "" {
		t.Errorf("what was refused changed:\n%s", diff)
	}
}

// TestAnotherAccountIsNotTakenForTheTarget has the user erased at the target, where they
// begin anew.
func TestAnotherAccountIsNotTakenForTheTarget(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	run(t, d.move())
	if _, err := d.to.EraseUser(t.Context(), d.mover); err != nil {
		t.Fatal(err)
	}
	create(t, d.to, d.mover, "another beginning")
	d.refuses(t, d.move().Run, "not at the target either")
}

// TestATargetThatHasLostTheSwitchTakesOver has a failover of the target lose what the source
// relied on.
func TestATargetThatHasLostTheSwitchTakesOver(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	run(t, d.move())
	pgtest.Exec(t, d.toURL, "UPDATE todo_account SET sealed = 2, revision = revision - 1")
	d.refuses(t, d.move().Abort, "has taken over already")
	run(t, d.move())
	create(t, d.to, d.mover, "after the move")
}

// TestASourceThatHasLostTheHandOverHandsOverAgain has a failover of the source lose it.
func TestASourceThatHasLostTheHandOverHandsOverAgain(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	dieAfter(t, d.move(), comparedStep)
	epoch := pgtest.QueryText(t, pgtest.Connect(t, d.fromURL), "SELECT epoch::text FROM todo_account")
	dieAfter(t, d.move(), switchedStep)
	pgtest.Exec(t, d.fromURL, "UPDATE todo_account SET sealed = 1, epoch = "+epoch)
	d.refuses(t, d.move().Abort, "has taken over already")
	dieAfter(t, d.move(), handedStep)
	run(t, d.move())
	if rowsOf(t, d.fromURL, "mover") != "" {
		t.Error("the source has todos")
	}
}

// TestEachSideIsAskedAgainByACommit has a move go on that relies on what a read shows. A
// commit waits for the standbys, and a lock shows that there is one.
func TestEachSideIsAskedAgainByACommit(t *testing.T) {
	t.Parallel()
	for step, isSource := range map[string]bool{handedStep: true, switchedStep: false} {
		d := newTwoDatabases(t)
		create(t, d.from, d.mover, "t")
		dieAfter(t, d.move(), step)
		url := d.toURL
		if isSource {
			url = d.fromURL
		}
		before := dump(t, d.fromURL) + dump(t, d.toURL)
		held := pgtest.Begin(t, url, "SELECT FROM todo_account WHERE user_id = 'mover' FOR UPDATE")
		failed := make(chan error, 1)
		go func() { failed <- d.move().Run(t.Context()) }()
		pgtest.WaitForLocked(t, url, 1)
		if dump(t, d.fromURL)+dump(t, d.toURL) != before {
			t.Errorf("after %s: the move went on without a commit", step)
		}
		if err := held.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err != nil {
			t.Errorf("after %s: %v", step, err)
		}
	}
}

// TestAMoveWaitsForTheStandbysWhateverTheDefaultIs has databases that don't.
func TestAMoveWaitsForTheStandbysWhateverTheDefaultIs(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	elsewhere := pgtest.NewDatabase(t)
	for _, url := range []string{url, elsewhere} {
		pgtest.Exec(t, url, `
			DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$;
			CREATE FUNCTION wait_for_standby() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				IF OLD.sealed <> NEW.sealed AND current_setting('synchronous_commit') <> 'on' THEN RAISE 'no wait for a standby'; END IF;
				RETURN NEW;
			END $$;
			CREATE TRIGGER wait_for_standby BEFORE UPDATE ON todo_account FOR EACH ROW EXECUTE FUNCTION wait_for_standby()`)
	}
	d := &twoDatabases{from: open(t, url, 8), fromURL: url, to: open(t, elsewhere, 8), toURL: elsewhere, mover: user(t, "mover")}
	create(t, d.from, d.mover, "t")
	run(t, d.move())
}

// TestAMoveNoticesThatItIsNotAlone has the transaction ended that keeps other moves out, at
// either side, and another move under way.
func TestAMoveNoticesThatItIsNotAlone(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		for step, after := range map[string]string{comparedStep: "1 2", routedStep: "4 0"} {
			d := newTwoDatabases(t)
			create(t, d.from, d.mover, "t")
			url := d.fromURL
			if side == "target" {
				url = d.toURL
			}
			move := d.move()
			move.Route = func(context.Context) error { return nil }
			move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), step, func() {
				pgtest.Exec(t, url, `
					SELECT pg_terminate_backend(pid) FROM pg_locks
					WHERE  locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
				pgtest.Begin(t, url, "SELECT pg_advisory_xact_lock(hashtextextended('todod move-user mover', 0))")
			}})
			if err := move.Run(t.Context()); err == nil || !strings.Contains(err.Error(), side+": another move of the user is under way") {
				t.Errorf("%s, after %s: %v", side, step, err)
			}
			if got := sealOf(t, d.fromURL, d.mover) + " " + sealOf(t, d.toURL, d.mover); got != after {
				t.Errorf("%s, after %s: the seals are %s, want %s", side, step, got, after)
			}
		}
	}
}

// TestASignalWaitsForTheRoute ends the context when the user can't write anywhere.
func TestASignalWaitsForTheRoute(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	ctx, stop := context.WithCancel(t.Context())
	move, isRouted := d.move(), false
	move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), handedStep, stop})
	move.Route = func(ctx context.Context) error {
		isRouted = true
		return ctx.Err()
	}
	if err := move.Run(ctx); !errors.Is(err, context.Canceled) || !isRouted {
		t.Errorf("%v, routed: %v", err, isRouted)
	}
	create(t, d.to, d.mover, "after the route")
	if rowsOf(t, d.fromURL, "mover") == "" {
		t.Error("the source was emptied after the signal")
	}
	run(t, d.move())
}

// TestRenewedEpochsLeaveAMoveItsWay renews them where a move goes on by them.
func TestRenewedEpochsLeaveAMoveItsWay(t *testing.T) {
	t.Parallel()
	for _, step := range []string{sealedStep, copiedStep, handedStep} {
		d := newTwoDatabases(t)
		create(t, d.from, d.mover, "t")
		dieAfter(t, d.move(), step)
		for _, store := range []*postgres.Store{d.from, d.to} {
			if _, err := store.RenewEpochs(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		run(t, d.move())
		if known, _ := follow(t, d.to, d.mover, nil, 10); len(known) != 1 {
			t.Errorf("after %s: the target has %v", step, known)
		}
	}
}

// TestErrorsOfAMoveNameTheDatabase has either fail.
func TestErrorsOfAMoveNameTheDatabase(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		d := newTwoDatabases(t)
		create(t, d.from, d.mover, "t")
		url := map[string]string{"source": d.fromURL, "target": d.toURL}[side]
		pgtest.Exec(t, url, `
			CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left'; END $$;
			CREATE TRIGGER fail BEFORE UPDATE ON todo_account FOR EACH ROW EXECUTE FUNCTION fail()`)
		if err := d.move().Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), side+": ") || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", side, err)
		}
	}
}

// TestAHandedOverUserReadsAtTheSource until the balancers send them elsewhere; they sync at
// the target only, and write there.
func TestAHandedOverUserReadsAtTheSource(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	alive, trashed := create(t, d.from, d.mover, "alive"), create(t, d.from, d.mover, "trashed")
	remove(t, d.from, d.mover, trashed.ID, false)
	dieAfter(t, d.move(), handedStep)
	before := dump(t, d.fromURL)
	for call, run := range sealedCalls(d.from, d.mover, alive, trashed) {
		err := run(t.Context())
		method, _, isRead := strings.Cut(call, "?")
		if isRead && method != "ListChanges" {
			if err != nil {
				t.Errorf("%s: %v", call, err)
			}
		} else if !errors.Is(err, todo.ErrMoving) {
			t.Errorf("%s: %v, want ErrMoving", call, err)
		}
	}
	if diff := cmp.Diff(before, dump(t, d.fromURL)); diff != "" {
		t.Errorf("the source changed:\n%s", diff)
	}
}
