package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// someCalls are reads, idempotent writes and others, in turn. Each has a counter and
// an owner of its own, and notes how it ends.
type someCalls struct {
	*batcher
	ids          []int
	acknowledged int // Of the others.

	mu   sync.Mutex
	errs [3][]error // By kind; nil for a success.
}

// some makes n counters, and returns calls on them.
func (b *batcher) some(t *testing.T, n int) *someCalls {
	t.Helper()
	c := &someCalls{batcher: b}
	for range n {
		id := rand.Int32()
		c.ids = append(c.ids, int(id))
		b.mustPut(t, fmt.Sprint(id), int(id))
	}
	return c
}

// calls returns each of the calls once.
func (c *someCalls) calls(ctx context.Context) (calls []func()) {
	for i, id := range c.ids {
		calls = append(calls, func() {
			var err error
			switch owner := fmt.Sprint(id); i % 3 {
			case 0:
				_, err = c.get(ctx, owner, id)
			case 1:
				_, err = c.put(ctx, owner, id, "")
			default:
				_, err = c.add(ctx, owner, id, "")
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.errs[i%3] = append(c.errs[i%3], err)
		})
	}
	return calls
}

// wait waits until all calls have ended.
func (c *someCalls) wait(t *testing.T) {
	t.Helper()
	pgtest.WaitFor(t, "calls to end", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := len(slices.Concat(c.errs[:]...)); n != len(c.ids) {
			return fmt.Errorf("%d of %d", n, len(c.ids))
		}
		return nil
	})
}

// want wants all calls to have ended, the reads and idempotent writes with one of some
// errors, nil for a success, and the others with one of those or of some more. Each of
// the others that was acknowledged has taken effect once, and for each in doubt another
// may have.
func (c *someCalls) want(t *testing.T, allowed []error, doubts ...error) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(slices.Concat(c.errs[:]...)); n != len(c.ids) {
		t.Errorf("%d calls have ended, want %d", n, len(c.ids))
	}
	inDoubt := 0
	for kind, errs := range c.errs {
		for _, err := range errs {
			is := func(want error) bool { return errors.Is(err, want) }
			switch {
			case kind == 2 && err == nil:
				c.acknowledged++
			case kind == 2 && slices.ContainsFunc(doubts, is):
				inDoubt++
				continue
			}
			if !slices.ContainsFunc(allowed, is) {
				t.Errorf("a call of kind %d: %v, want %v", kind, err, allowed)
			}
		}
	}
	c.errs = [3][]error{}
	var stored int
	sql := "SELECT coalesce(sum(n), 0) FROM counter WHERE id = ANY ($1)"
	if err := pgtest.Connect(t, c.url).QueryRow(t.Context(), sql, c.ids).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if stored < c.acknowledged || stored > c.acknowledged+inDoubt {
		t.Errorf("%d writes are stored, %d were acknowledged and %d are in doubt", stored, c.acknowledged, inDoubt)
	}
	c.acknowledged = stored // For the next time.
}

// ok is the error of calls that succeed.
var ok = []error{nil}

// shortly is how long batches may take in tests that have them be late.
func shortly(b *database.Bounds) { b.Batch = 200 * time.Millisecond }

// TestCallsWhoseBackendIsKilledAreAnswered has those of a batch of reads and of one of
// writes killed, before they have done anything. Nothing is prepared, so that nobody
// can tell.
func TestCallsWhoseBackendIsKilledAreAnswered(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 16, func(c *database.Config) { c.URL = pgtest.WithParameter(c.URL, "default_query_exec_mode", "exec") })
	c := b.some(t, 21)
	unlock := pgtest.LockTable(t, b.url, "counter")
	wait := b.batch(t, c.calls(t.Context())...)
	pgtest.WaitForLocked(t, b.url, 2)
	pgtest.Exec(t, b.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	b.waitForEnded(t, 2)
	unlock()
	wait()
	c.want(t, ok, database.ErrUnavailable)
	b.wantStored(t, "SELECT sum(n)::text FROM counter", "0")
	b.together(t, c.calls(t.Context())...)
	c.want(t, ok)
	b.wantStored(t, "SELECT sum(n)::text FROM counter", "7")
}

// TestNothingIsAppliedTwiceWhoeverKillsBackends kills them whenever it may be.
func TestNothingIsAppliedTwiceWhoeverKillsBackends(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 8)
	c := b.some(t, 30)
	conn := pgtest.Connect(t, b.url)
	for range 30 {
		wait := b.batch(t, c.calls(t.Context())...)
		time.Sleep(rand.N(5 * time.Millisecond)) // Any time will do.
		pgtest.ExecOn(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		wait()
		c.want(t, []error{nil, database.ErrUnavailable}, database.ErrUnavailable)
	}
	b.Pool().Reset() // What is left of them may be dead.
	b.together(t, c.calls(t.Context())...)
	c.want(t, ok)
}

// deadlineContext is a context whose deadline passes when a channel is closed.
type deadlineContext struct {
	context.Context //nolint:containedctx // It is one.
	passed          chan struct{}
}

func (c deadlineContext) Done() <-chan struct{} { return c.passed }

func (c deadlineContext) Err() error {
	select {
	case <-c.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestCallsOfALateBatchRunAlone locks the table until the batches have been given up,
// and are gone.
func TestCallsOfALateBatchRunAlone(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 32, bounds(shortly))
	stay, hurried, left := b.some(t, 9), b.some(t, 3), b.some(t, 3)
	unlock := pgtest.LockTable(t, b.url, "counter")
	hurry := deadlineContext{t.Context(), make(chan struct{})}
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	wait := b.batch(t, slices.Concat(stay.calls(t.Context()), hurried.calls(hurry), left.calls(leaving))...)
	pgtest.WaitForLocked(t, b.url, 1)
	leave() // In the midst of the batches.
	left.wait(t)
	b.waitForEnded(t, 2)
	pgtest.WaitForLocked(t, b.url, len(stay.ids)+len(hurried.ids)) // Each alone.
	close(hurry.passed)
	hurried.wait(t)
	unlock()
	wait()
	left.want(t, []error{context.Canceled})
	hurried.want(t, []error{context.DeadlineExceeded})
	stay.want(t, ok)
	for _, batch := range b.ended() {
		if !isCanceled(batch.err) {
			t.Errorf("a batch of %d calls ended with %v", batch.calls, batch.err)
		}
	}
	b.wantStored(t, "SELECT sum(n)::text FROM counter", "3")
	again := b.some(t, 21)
	b.together(t, again.calls(t.Context())...)
	again.want(t, ok)
}

// TestALockedRowHoldsUpItsOwnersWritesAlone has a transaction beside the service lock a
// row of one owner's.
func TestALockedRowHoldsUpItsOwnersWritesAlone(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 16, bounds(func(b *database.Bounds) { b.BatchLock = 50 * time.Millisecond }))
	b.mustPut(t, "owner", 1, 2)
	others := b.some(t, 12)
	tx := pgtest.Begin(t, b.url, "SELECT FROM counter WHERE id = 1 FOR UPDATE")
	var mine sync.WaitGroup
	add := func(id int) func() {
		mine.Add(1)
		return func() {
			defer mine.Done()
			if _, err := b.add(t.Context(), "owner", id, ""); err != nil {
				t.Errorf("add by the owner: %v", err)
			}
		}
	}
	wait := b.batch(t, slices.Concat([]func(){add(1), add(2)}, others.calls(t.Context()))...)
	others.wait(t)
	others.want(t, ok)
	failed := b.ended()
	lockTimedOut := slices.ContainsFunc(failed, func(e endedBatch) bool {
		refused, isRefused := errors.AsType[*pgconn.PgError](e.err)
		return isRefused && refused.Code == "55P03"
	})
	if !lockTimedOut {
		t.Errorf("no batch has waited for the row in vain: %v", failed)
	}

	// While the owner's write waits, none is in a batch.
	for range 3 {
		go add(1)()
	}
	pgtest.WaitForLocked(t, b.url, 3)
	for range 3 {
		var group sync.WaitGroup
		for _, call := range others.calls(t.Context()) {
			group.Go(call)
		}
		group.Wait()
		others.want(t, ok)
	}
	for _, batch := range b.ended()[len(failed):] {
		if batch.err != nil {
			t.Errorf("a batch of %d: %v", batch.calls, batch.err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait()
	mine.Wait()
	b.wantStored(t, "SELECT string_agg(n::text, ' ' ORDER BY id) FROM counter WHERE owner = 'owner'", "4 1")
}

// backends fails unless so many of the server's backends at least meet a condition.
func backends(t *testing.T, conn *pgx.Conn, want int, condition string) error {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE "+condition).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n < want {
		return fmt.Errorf("%d of %d", n, want)
	}
	return nil
}

// TestCallsWhoseAnswerIsLostAfterTheCommit has a batch committed whose answer does not
// come.
func TestCallsWhoseAnswerIsLostAfterTheCommit(t *testing.T) {
	t.Parallel()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			direct := newCounters(t, 4)
			proxied, happened := cutAnswer(t, direct.url, "the marked note")
			b := observe(openCounters(t, pgtest.WithParameter(proxied, "default_query_exec_mode", mode), 8))
			b.counters.url = direct.url
			c := b.some(t, 21)
			b.batch(t, append(c.calls(t.Context()), func() {
				if err := b.write(t.Context(), "marked", "UPDATE counter SET note = note WHERE id > 0 RETURNING note || 'the marked note'"); !errors.Is(err, database.ErrUnavailable) {
					t.Errorf("the marked write: %v, want ErrUnavailable", err)
				}
			})...)()
			if !happened() {
				t.Error("no answer was lost")
			}
			c.want(t, ok, database.ErrUnavailable)
			b.wantStored(t, "SELECT sum(n)::text FROM counter", "7")
		})
	}
}

// TestACommitThatAStandbyMayLackIsNotAcknowledged cancels the wait for a synchronous
// standby, which leaves the commit on the primary alone.
func TestACommitThatAStandbyMayLackIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	b := observe(openCounters(t, server.URL(), 8))
	b.mustPut(t, "alone", 1)
	c := b.some(t, 21)
	admin := pgtest.Connect(t, server.URL())
	pgtest.ExecOn(t, admin, "SET synchronous_commit = off") // Of this session's.
	standby := func(names string) {
		pgtest.ExecOn(t, admin, "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'")
		pgtest.ExecOn(t, admin, "SELECT pg_reload_conf()")
	}
	waiting := func(n int) {
		pgtest.WaitFor(t, "commits to wait", func() error {
			return backends(t, admin, n, "wait_event = 'SyncRep'")
		})
	}
	const cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

	standby("away")
	alone := make(chan error, 1)
	go func() {
		for { // Until the setting has come to the server's processes.
			if _, err := b.add(t.Context(), "alone", 1, ""); err != nil {
				alone <- err
				return
			}
		}
	}()
	waiting(1)
	pgtest.ExecOn(t, admin, cancel)
	if err := <-alone; !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("alone: %v, want ErrUnavailable", err)
	}

	wait := b.batch(t, c.calls(t.Context())...)
	waiting(1) // The batch.
	pgtest.ExecOn(t, admin, cancel)
	waiting(4) // Idempotent writes run again, each alone, as many as batches leave connections.
	standby("")
	wait()
	c.want(t, ok, database.ErrUnavailable)
	b.wantStored(t, "SELECT sum(n)::text FROM counter WHERE id <> 1", "7")
	b.together(t, c.calls(t.Context())...)
	c.want(t, ok)
}

// TestReadsAreInBatchesWhereWritesAreRefused is about a server that has become a standby.
func TestReadsAreInBatchesWhereWritesAreRefused(t *testing.T) {
	t.Parallel()
	first := newBatcher(t, 4)
	c := first.some(t, 21)
	b := observe(&counters{DB: databasetest.Open(t, pgtest.WithParameter(first.url, "options", "-c default_transaction_read_only=on"), 8), url: first.url})
	c.batcher = b
	b.batch(t, c.calls(t.Context())...)()
	for kind, want := range []error{nil, database.ErrUnavailable, database.ErrUnavailable} {
		for _, err := range c.errs[kind] {
			if !errors.Is(err, want) {
				t.Errorf("a call of kind %d: %v, want %v", kind, err, want)
			}
		}
	}
	b.wantStored(t, "SELECT sum(n)::text FROM counter", "0")
}

func TestASlowReadInABatchHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	// A cancel request between two statements has no effect: then the connection is given up.
	b := newBatcher(t, 8, bounds(shortly), bounds(func(b *database.Bounds) { b.Cancel = 5 * time.Second }))
	c := b.some(t, 12)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	slow := make(chan error, 1)
	b.batch(t, append(c.calls(t.Context()), func() {
		go func() { // So that the batch does not wait for it in the end.
			slow <- b.Run(ctx, database.Statement{SQL: "SELECT pg_sleep(60)", Read: nothing})
		}()
	})...)
	c.wait(t)
	c.want(t, ok)
	if len(slow) > 0 {
		t.Errorf("the slow one has ended with %v", <-slow)
	}
	leave()
	if err := <-slow; !errors.Is(err, context.Canceled) {
		t.Errorf("the slow one: %v", err)
	}
}

func TestBatchedCallsAreUnavailableWithoutTheirTableUntilItIsMade(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 8)
	c := b.some(t, 21)
	pgtest.Exec(t, b.url, "ALTER TABLE counter RENAME TO other")
	b.batch(t, c.calls(t.Context())...)()
	pgtest.Exec(t, b.url, "ALTER TABLE other RENAME TO counter")
	c.want(t, []error{database.ErrUnavailable})
	b.together(t, c.calls(t.Context())...)
	c.want(t, ok)
}

func TestBatchedCallsAreUnavailableWhileThePoolIsExhausted(t *testing.T) {
	t.Parallel()
	const conns = 4
	b := newBatcher(t, conns, bounds(func(b *database.Bounds) { b.Acquire = 200 * time.Millisecond }))
	c := b.some(t, 21)
	free := b.takeAll(t, conns)
	b.batch(t, c.calls(t.Context())...)()
	c.want(t, []error{database.ErrUnavailable})
	free()
	pgtest.WaitFor(t, "an answer", func() error { // On a busy machine it may take several tries.
		_, err := b.get(t.Context(), fmt.Sprint(c.ids[0]), c.ids[0])
		return err
	})
}

// TestADBClosesWhileCallsAreBatched closes it while batches wait for a lock that is not
// released, and others wait for the next.
func TestADBClosesWhileCallsAreBatched(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 8, bounds(func(b *database.Bounds) { b.Statement = time.Second }))
	first, second := b.some(t, 21), b.some(t, 21)
	unlock := pgtest.LockTable(t, b.url, "counter")
	wait := b.batch(t, first.calls(t.Context())...)
	pgtest.WaitForLocked(t, b.url, 2)
	release := b.Gather()
	var more sync.WaitGroup
	for _, call := range second.calls(t.Context()) {
		more.Go(call)
	}
	b.waitForWaiting(t, 21)
	b.Close()
	release()
	more.Wait()
	wait()
	unlock()
	for _, c := range []*someCalls{first, second} {
		c.want(t, []error{database.ErrUnavailable})
	}
	b.wantStored(t, "SELECT sum(n)::text FROM counter", "0")
}

// TestAConnectionThatIsNeverMadeHoldsNobodyUp has the pool grow by one that a proxy
// accepts and does not answer, while a batch wants it.
func TestAConnectionThatIsNeverMadeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	direct.mustPut(t, "u", 1)
	var isNextSilent atomic.Bool
	proxied := serve(t, direct.url, func(client net.Conn, database string) {
		if isNextSilent.CompareAndSwap(true, false) {
			_, _ = io.Copy(io.Discard, client) // Until it hangs up.
			return
		}
		relay(client, database, func(client, server net.Conn) { _, _ = io.Copy(client, server) })
	})
	b := observe(openCounters(t, proxied, 8, bounds(shortly)))
	free := b.takeAll(t, 1) // The connection that there is.
	isNextSilent.Store(true)
	get := func(ctx context.Context) {
		if _, err := b.get(ctx, "u", 1); err != nil {
			t.Errorf("get: %v", err)
		}
	}
	// Who waited for the other connection would not be answered by then.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	wait := b.batch(t, func() { get(ctx) })
	pgtest.WaitFor(t, "the pool to grow", func() error {
		if isNextSilent.Load() {
			return errors.New("not yet")
		}
		return nil
	})
	free()
	wait()
	for range 3 {
		get(ctx)
	}
}
