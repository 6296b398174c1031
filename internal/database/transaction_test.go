package database_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// addIn adds to a counter of u in a transaction, and notes something, which comes back.
func addIn(ctx context.Context, tx *database.Tx, id int, note string) error {
	return tx.Run(ctx, database.Statement{
		Name: "add in", SQL: "UPDATE counter SET n = n + 1, note = $3 WHERE owner = $1 AND id = $2 RETURNING note",
		Args: []any{"u", id, note}, Owner: "u",
		Read: func(rows pgx.Rows) error {
			_, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
			return err
		},
	})
}

// addBoth returns a transaction that adds to the counters 1 and 2 of u.
func addBoth(then func(runs int) (commit bool, err error)) database.Transaction {
	var runs int
	return database.Transaction{Name: "add both", Owner: "u", Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
		runs++
		for id := range 2 {
			if err := addIn(ctx, tx, id+1, ""); err != nil {
				return false, err
			}
		}
		return then(runs)
	}}
}

func committed(int) (commit bool, err error) { return true, nil }

// sums has the sum of the counters, and how many there are with a note.
const sums = "SELECT concat(sum(n), ' with ', count(*) FILTER (WHERE note <> '')) FROM counter"

func TestATransactionTakesEffectAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("the caller's own")
	for name, test := range map[string]struct {
		commit bool
		err    error
		want   string
	}{
		"committed":          {true, nil, "2 with 0"},
		"not to be":          {false, nil, "0 with 0"},
		"failed by its user": {true, errOwn, "0 with 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounters(t, 1)
			c.mustPut(t, "u", 1, 2)
			err := c.RunTx(t.Context(), addBoth(func(int) (bool, error) { return test.commit, test.err }))
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Errorf("RunTx: %v, want %v", err, test.err)
			}
			c.wantStored(t, sums, test.want)
			if _, err := c.get(t.Context(), "u", 1); err != nil {
				t.Errorf("get afterwards: %v", err)
			}
			c.wantConnections(t, 1)
		})
	}
}

func TestAFailedStatementEndsItsTransactionWhateverItsUserMakesOfIt(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 1)
	c.mustPut(t, "u", 1)
	err := c.RunTx(t.Context(), database.Transaction{Name: "t", Owner: "u", Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
		if err := addIn(ctx, tx, 7, ""); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("without a row: %v, want the error of Read", err)
		}
		if err := addIn(ctx, tx, 1, ""); err != nil {
			t.Errorf("after an error of Read: %v", err)
		}
		_ = addIn(ctx, tx, 1, "refused")
		if err := addIn(ctx, tx, 1, ""); !violates(err) {
			t.Errorf("the next statement: %v, want what ended the transaction", err)
		}
		return true, nil
	}})
	if !violates(err) {
		t.Errorf("RunTx: %v, want the statement's error", err)
	}
	c.wantStored(t, sums, "0 with 0")
	c.wantConnections(t, 1)
}

// violates reports whether a check of the table refused a statement.
func violates(err error) bool {
	failed, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && failed.SQLState() == "23514"
}

// TestATransactionWhoseConnectionIsLost loses the answer of a statement, or of the commit.
func TestATransactionWhoseConnectionIsLost(t *testing.T) {
	t.Parallel()
	const marked = "the marked note"
	for name, test := range map[string]struct {
		lost       string
		idempotent bool
		runs       int
		err        error
		want       string
	}{
		"before the commit runs again":            {marked, false, 2, nil, "1 with 1"},
		"at the commit does not":                  {"COMMIT", false, 1, database.ErrUnavailable, "1 with 1"},
		"at the commit does if it is idempotent":  {"COMMIT", true, 2, nil, "2 with 1"},
		"before the commit, if it is, runs again": {marked, true, 2, nil, "1 with 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := newCounters(t, 1)
			direct.mustPut(t, "u", 1)
			proxied, happened := cutAnswer(t, direct.url, test.lost)
			c := openCounters(t, proxied, 2)
			var runs int
			err := c.RunTx(t.Context(), database.Transaction{
				Name: "t", Owner: "u", Idempotent: test.idempotent,
				Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
					runs++
					return true, addIn(ctx, tx, 1, marked)
				},
			})
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Errorf("RunTx: %v, want %v", err, test.err)
			}
			if runs != test.runs || !happened() {
				t.Errorf("%d runs, want %d; an answer was lost: %t", runs, test.runs, happened())
			}
			direct.wantStored(t, sums, test.want)
		})
	}
}

// TestATransactionIsBounded has one wait for a lock, or go on for too long.
func TestATransactionIsBounded(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	for name, change := range map[string]func(*database.Bounds){
		"its locks":      func(b *database.Bounds) { b.TransactionLock = short },
		"its statements": func(b *database.Bounds) { b.Statement = short },
		"as a whole":     func(b *database.Bounds) { b.Alone = short },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := newCounters(t, 1)
			direct.mustPut(t, "u", 1, 2)
			c := openCounters(t, direct.url, 1, bounds(change))
			c.fill(t, 1)
			locked := pgtest.Begin(t, direct.url, "SELECT FROM counter WHERE id = 2 FOR UPDATE")
			err := c.RunTx(t.Context(), database.Transaction{Name: "t", Owner: "u", Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
				if err := addIn(ctx, tx, 1, ""); err != nil {
					return false, err
				}
				if err := addIn(ctx, tx, 2, ""); !isLate(err) {
					t.Errorf("the statement: %v, want ErrUnavailable and no deadline", err)
				}
				return true, nil
			}})
			if !isLate(err) {
				t.Errorf("RunTx: %v, want ErrUnavailable and no deadline", err)
			}
			if err := locked.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			direct.wantStored(t, sums, "0 with 0")
			pgtest.WaitFor(t, "a transaction afterwards", func() error { // On a busy machine it may take several tries.
				return c.RunTx(t.Context(), addBoth(committed))
			})
			c.wantConnections(t, 1)
		})
	}
}

func TestACallerWhoLeavesEndsItsTransaction(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 1, bounds(func(b *database.Bounds) { b.CancelDelay = 0 }))
	c.mustPut(t, "u", 1, 2)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	err := c.RunTx(ctx, addBoth(func(int) (bool, error) {
		leave()
		return true, nil
	}))
	if !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrUnavailable) {
		t.Errorf("RunTx: %v, want context.Canceled alone", err)
	}
	c.wantStored(t, sums, "0 with 0")
	if err := c.RunTx(t.Context(), addBoth(committed)); err != nil {
		t.Error(err)
	}
	c.wantConnections(t, 1)
}

// TestTransactionsInEachOthersWayBothTakeEffect has two lock the same rows in different
// orders, so that the server ends one.
func TestTransactionsInEachOthersWayBothTakeEffect(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 16)
	c.mustPut(t, "u", 1, 2)
	var began atomic.Int32
	both := make(chan struct{})
	failed := make(chan error, 2)
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		go func() {
			failed <- c.RunTx(t.Context(), database.Transaction{Name: "t", Owner: "u", Run: func(ctx context.Context, tx *database.Tx) (bool, error) {
				if err := addIn(ctx, tx, order[0], ""); err != nil {
					return false, err
				}
				if began.Add(1) == 2 {
					close(both)
				}
				<-both
				return true, addIn(ctx, tx, order[1], "")
			}})
		}()
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Errorf("RunTx: %v", err)
		}
	}
	c.wantStored(t, sums, "4 with 0")
	if began.Load() < 3 {
		t.Errorf("%d runs, want one again", began.Load())
	}
}

// TestATransactionSeesWhatWasCommittedBeforeItsStatement has one wait for a lock where
// the default is that it would see nothing new.
func TestATransactionSeesWhatWasCommittedBeforeItsStatement(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 2, isolated("repeatable read"))
	c.mustPut(t, "u", 1, 2)
	locked := pgtest.Begin(t, c.url, "UPDATE counter SET n = 100")
	var runs int
	failed := make(chan error, 1)
	go func() {
		failed <- c.RunTx(t.Context(), addBoth(func(n int) (bool, error) { runs = n; return true, nil }))
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	if err := locked.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil || runs != 1 {
		t.Errorf("RunTx: %v after %d runs, want 1", err, runs)
	}
	c.wantStored(t, sums, "202 with 0")
}

func TestATransactionIsRefusedWhereAStatementWouldBe(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 2)
	c.mustPut(t, "u", 1, 2)
	end := c.Overload(10_000)
	err := c.RunTx(t.Context(), addBoth(func(int) (bool, error) {
		t.Error("it runs")
		return false, nil
	}))
	if !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("RunTx: %v, want ErrUnavailable", err)
	}
	end()
	if err := c.RunTx(t.Context(), addBoth(committed)); err != nil {
		t.Errorf("RunTx afterwards: %v", err)
	}
}

// TestATransactionThatAStandbyMayLackIsNotAcknowledged cancels the wait of its commit for
// a synchronous standby.
func TestATransactionThatAStandbyMayLackIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	c := openCounters(t, server.URL(), 2)
	c.mustPut(t, "u", 1, 2)
	admin := pgtest.Connect(t, server.URL())
	pgtest.ExecOn(t, admin, "SET synchronous_commit = off") // Of this session's.
	pgtest.ExecOn(t, admin, "ALTER SYSTEM SET synchronous_standby_names = 'away'")
	pgtest.ExecOn(t, admin, "SELECT pg_reload_conf()")
	failed := make(chan error, 1)
	go func() {
		for { // Until the setting has come to the server's processes.
			if err := c.RunTx(t.Context(), addBoth(committed)); err != nil {
				failed <- err
				return
			}
		}
	}()
	pgtest.WaitFor(t, "the commit to wait", func() error { return backends(t, admin, 1, "wait_event = 'SyncRep'") })
	pgtest.ExecOn(t, admin, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	if err := <-failed; !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("RunTx: %v, want ErrUnavailable", err)
	}
	pgtest.ExecOn(t, admin, "ALTER SYSTEM RESET synchronous_standby_names")
	pgtest.ExecOn(t, admin, "SELECT pg_reload_conf()")
}

// TestACommitHasTheTimeOfAStatement has one wait for a standby that stays away.
func TestACommitHasTheTimeOfAStatement(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"synchronous_standby_names": "away", "synchronous_commit": "off"})
	pgtest.Exec(t, server.URL(), countersSQL+`; INSERT INTO counter (id, owner, note) VALUES (1, 'u', ''), (2, 'u', '')`)
	url := pgtest.WithParameter(server.URL(), "options", "-c synchronous_commit=on")
	c := openCounters(t, url, 1, bounds(func(b *database.Bounds) { b.Statement, b.Alone = time.Second, time.Hour }))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.RunTx(ctx, addBoth(committed)); !isLate(err) || errors.Is(err, context.Canceled) {
		t.Errorf("RunTx: %v, want ErrUnavailable and no deadline", err)
	}
}

// TestNoBatchWaitsForATransactionOfItsOwners: its locks would hold up the others in it.
func TestNoBatchWaitsForATransactionOfItsOwners(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	direct.mustPut(t, "u", 1, 2)
	b := observe(openCounters(t, direct.url, 8))
	batches := func(when string, want int) {
		t.Helper()
		if _, err := b.add(t.Context(), "u", 1, ""); err != nil {
			t.Error(err)
		}
		if got := len(b.ended()); got != want {
			t.Errorf("%s: %d batches, want %d", when, got, want)
		}
	}
	err := b.RunTx(t.Context(), database.Transaction{Name: "t", Owner: "u", Run: func(context.Context, *database.Tx) (bool, error) {
		batches("meanwhile", 0)
		return true, nil
	}})
	if err != nil {
		t.Error(err)
	}
	batches("afterwards", 1)
}

// TestABeginHasTheTimeOfAStatement keeps back the answer to it.
func TestABeginHasTheTimeOfAStatement(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, newCounters(t, 1).url)
	c := openCounters(t, proxy.url, 1, bounds(func(b *database.Bounds) {
		b.Statement, b.Alone, b.Cancel = 200*time.Millisecond, time.Hour, 200*time.Millisecond
	}))
	c.fill(t, 1)
	proxy.hold(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.RunTx(ctx, addBoth(committed)); !isLate(err) {
		t.Errorf("RunTx: %v, want ErrUnavailable and no deadline", err)
	}
}
