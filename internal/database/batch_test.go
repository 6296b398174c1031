package database_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// batcher is a database of counters whose calls can be made to be in batches.
type batcher struct {
	*counters

	mu      sync.Mutex
	batches []endedBatch
}

type endedBatch struct {
	calls int
	err   error
}

// newBatcher is newCounters for a batcher.
func newBatcher(t *testing.T, conns int, change ...func(*database.Config)) *batcher {
	t.Helper()
	return observe(newCounters(t, conns, change...))
}

// observe returns a database as a batcher. Nobody may have used it.
func observe(c *counters) *batcher {
	b := &batcher{counters: c}
	b.OnBatch(func(calls int, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.batches = append(b.batches, endedBatch{calls, err})
	})
	return b
}

// ended returns the batches that have ended since batch was called last.
func (b *batcher) ended() []endedBatch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

// waitForEnded waits until so many batches have ended.
func (b *batcher) waitForEnded(t *testing.T, batches int) {
	t.Helper()
	pgtest.WaitFor(t, "batches to end", func() error {
		if n := len(b.ended()); n < batches {
			return fmt.Errorf("%d of %d", n, batches)
		}
		return nil
	})
}

// gather is Gather, and forgets the batches that have ended.
func (b *batcher) gather() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batches = nil
	return b.Gather()
}

// batch has calls be in batches, of reads and of writes. It returns when they have
// begun; wait returns when all calls have ended.
func (b *batcher) batch(t *testing.T, calls ...func()) (wait func()) {
	t.Helper()
	var group sync.WaitGroup
	release := b.gather()
	for _, call := range calls {
		group.Go(call)
	}
	b.waitForWaiting(t, len(calls))
	release()
	return group.Wait
}

// batchInOrder is batch for calls that come one after the other.
func (b *batcher) batchInOrder(t *testing.T, calls ...func()) (wait func()) {
	t.Helper()
	var group sync.WaitGroup
	release := b.gather()
	for n, call := range calls {
		group.Go(call)
		b.waitForWaiting(t, n+1)
	}
	release()
	return group.Wait
}

// waitForWaiting waits until so many calls wait for a batch.
func (b *batcher) waitForWaiting(t *testing.T, calls int) {
	t.Helper()
	pgtest.WaitFor(t, "calls to wait", func() error {
		if n := b.Waiting(); n != calls {
			return fmt.Errorf("%d of %d", n, calls)
		}
		return nil
	})
}

// together has calls be answered by batches.
func (b *batcher) together(t *testing.T, calls ...func()) {
	t.Helper()
	b.batch(t, calls...)()
	served := 0
	for _, batch := range b.ended() {
		if batch.err != nil {
			t.Errorf("a batch of %d calls: %v", batch.calls, batch.err)
			continue
		}
		served += batch.calls
	}
	if served < len(calls) { // Some make another one.
		t.Errorf("%d of %d calls are answered by batches", served, len(calls))
	}
}

// eachMode runs a test in each mode of the driver.
func eachMode(t *testing.T, test func(t *testing.T, b *batcher)) {
	t.Helper()
	for _, mode := range pgtest.QueryModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, newBatcher(t, 4, func(c *database.Config) { c.URL = pgtest.WithParameter(c.URL, "default_query_exec_mode", mode) }))
		})
	}
}

// adds returns calls that count in counters, each of an owner of its own, and where
// their errors will be.
func (b *batcher) adds(t *testing.T, ids []int, note func(id int) string) (calls []func(), errs map[int]*error) {
	t.Helper()
	errs = make(map[int]*error)
	for _, id := range ids {
		owner, err := fmt.Sprint("u", id), new(error)
		b.mustPut(t, owner, id)
		errs[id] = err
		calls = append(calls, func() {
			var n int
			if n, *err = b.add(t.Context(), owner, id, note(id)); n != 1 && *err == nil {
				t.Errorf("counter %d is at %d, want 1", id, n)
			}
		})
	}
	return calls, errs
}

// refusedAlone wants one of some adds to be refused by the table, and the others to
// have succeeded once.
func (b *batcher) refusedAlone(t *testing.T, refused int, errs map[int]*error) {
	t.Helper()
	for id, err := range errs {
		failed, isRefused := errors.AsType[*pgconn.PgError](*err)
		if isRefused != (id == refused) || isRefused && failed.Code != "23514" || !isRefused && *err != nil {
			t.Errorf("call %d: %v", id, *err)
		}
	}
	b.wantStored(t, "SELECT string_agg(DISTINCT concat(id, ': ', n), ', ') FROM counter WHERE n <> 1", fmt.Sprintf("%d: 0", refused))
}

func TestACallThatTheServerRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *batcher) {
		t.Helper()
		calls, errs := b.adds(t, []int{1, 2, 3, 4, 5, 6, 7}, func(id int) string {
			if id == 4 {
				return "refused"
			}
			return ""
		})
		// Of the same owner, and a read beside another that fails.
		calls = append(calls,
			func() {
				if _, err := b.put(t.Context(), "u4", 8, ""); err != nil {
					t.Errorf("another call of that owner: %v", err)
				}
			},
			func() {
				if err := b.Run(t.Context(), database.Statement{SQL: "SELECT 1 / (n - n) FROM counter", Read: nothing}); err == nil {
					t.Error("a division by zero succeeds")
				}
			},
			func() {
				if _, err := b.get(t.Context(), "u1", 1); err != nil {
					t.Errorf("another read: %v", err)
				}
			})
		b.batch(t, calls...)()
		pgtest.Exec(t, b.url, "DELETE FROM counter WHERE id = 8")
		b.refusedAlone(t, 4, errs)
		sizes := make(map[bool]int) // Of the batches that succeeded, and of those that failed.
		for _, batch := range b.ended() {
			sizes[batch.err == nil] += batch.calls
		}
		if sizes[false] != 8+2 || sizes[true] != 8-2 {
			t.Errorf("batches %v, want the writes and the reads to fail, and then the writes of the other owners to succeed", b.ended())
		}
	})
}

// TestACallThatFailsTheCommitFailsAlone has a constraint that is checked at the end.
func TestACallThatFailsTheCommitFailsAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *batcher) {
		t.Helper()
		pgtest.Exec(t, b.url, `
			CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END $$;
			CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW WHEN (NEW.note = 'refused later') EXECUTE FUNCTION refuse()`)
		calls, errs := b.adds(t, []int{1, 2, 3, 4, 5, 6, 7}, func(id int) string {
			if id == 4 {
				return "refused later"
			}
			return ""
		})
		b.batch(t, calls...)()
		b.refusedAlone(t, 4, errs)
		if got := b.ended(); got[0].calls != 7 || got[0].err == nil {
			t.Errorf("batches %v, the first of which should have failed", got)
		}
	})
}

// TestACallWhoseRowsCantBeReadFailsAlone has Read fail for one of several, and panic.
func TestACallWhoseRowsCantBeReadFailsAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *batcher) {
		t.Helper()
		calls, errs := b.adds(t, []int{1, 2, 3}, func(int) string { return "" })
		unreadable := errors.New("unreadable")
		calls = append(calls,
			func() {
				_, err := b.add(t.Context(), "u2", 99, "")
				if !errors.Is(err, errNoCounter) {
					t.Errorf("no counter: %v", err)
				}
			},
			func() {
				err := b.Run(t.Context(), database.Statement{Name: "odd", SQL: "UPDATE counter SET note = 'x' WHERE id = 1 RETURNING n", Owner: "u1", Read: func(pgx.Rows) error { return unreadable }})
				if !errors.Is(err, unreadable) || !strings.Contains(err.Error(), "odd") {
					t.Errorf("unreadable: %v", err)
				}
			})
		b.together(t, calls...)
		for id, err := range errs {
			if *err != nil {
				t.Errorf("call %d: %v", id, *err)
			}
		}
	})
}

// TestWhatABatchReadBeforeItFailedIsForgotten has Read fail for a call of a batch that
// is then rolled back, and not when the call runs again.
func TestWhatABatchReadBeforeItFailedIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 4)
	b.mustPut(t, "a", 1)
	b.mustPut(t, "b", 2)
	runs := 0
	b.batch(t,
		func() {
			s := database.Statement{SQL: "UPDATE counter SET n = n + 1 WHERE id = 1", Owner: "a", Read: func(pgx.Rows) error {
				if runs++; runs == 1 {
					return errors.New("unreadable")
				}
				return nil
			}}
			if err := b.Run(t.Context(), s); err != nil {
				t.Errorf("who ran again: %v", err)
			}
		},
		func() {
			if _, err := b.add(t.Context(), "b", 2, "refused"); err == nil {
				t.Error("the other call is not refused")
			}
		})()
	if runs != 2 {
		t.Errorf("it ran %d times, want 2", runs)
	}
	b.wantStored(t, "SELECT n::text FROM counter WHERE id = 1", "1")
}

// TestACallThatCantBeSentFailsAlone has an argument that is no SQL value.
func TestACallThatCantBeSentFailsAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *batcher) {
		t.Helper()
		calls, errs := b.adds(t, []int{1, 2, 3}, func(int) string { return "" })
		calls = append(calls, func() {
			s := database.Statement{SQL: "UPDATE counter SET note = $1 WHERE id = 1", Args: []any{make(chan int)}, Owner: "a", Read: nothing}
			if err := b.Run(t.Context(), s); err == nil || errors.Is(err, database.ErrUnavailable) {
				t.Errorf("%v, want an error that is a defect's", err)
			}
		})
		b.batch(t, calls...)()
		for id, err := range errs {
			if *err != nil {
				t.Errorf("call %d: %v", id, *err)
			}
		}
	})
}

func TestACallWhoseReadPanicsPanicsAlone(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 4)
	b.mustPut(t, "u", 1)
	for range 8 { // More than there are connections.
		b.batch(t,
			func() {
				defer func() {
					if cause := recover(); cause != "defect" {
						t.Errorf("panic: %v", cause)
					}
				}()
				_ = b.Run(t.Context(), database.Statement{SQL: "SELECT 1", Read: func(pgx.Rows) error { panic("defect") }})
			},
			func() {
				if _, err := b.get(t.Context(), "u", 1); err != nil {
					t.Errorf("another: %v", err)
				}
			})()
	}
}

// TestWhatMayTakeLongIsInNoBatch has no slot, so that what is to be in a batch waits.
func TestWhatMayTakeLongIsInNoBatch(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 4)
	release := b.Gather()
	for _, s := range []database.Statement{{SQL: "SELECT 1", Alone: true}, {SQL: "SELECT 1", Owner: "u", Alone: true}, {SQL: "SELECT 1", MaxRows: 501}} {
		s.Read = nothing
		if err := b.Run(t.Context(), s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	var group sync.WaitGroup
	group.Go(func() {
		if err := b.Run(t.Context(), database.Statement{SQL: "SELECT 1", MaxRows: 500, Read: nothing}); err != nil {
			t.Error(err)
		}
	})
	b.waitForWaiting(t, 1)
	release()
	group.Wait()
}

// TestLongTextsAreInBatchesOfABoundedSize is about what many long texts take at once,
// of memory and of time.
func TestLongTextsAreInBatchesOfABoundedSize(t *testing.T) {
	t.Parallel()
	const most = 256 << 10 // Bytes, and a call more.
	b := newBatcher(t, 4)
	long := strings.Repeat("😀", 2000)
	calls := make([]func(), 100)
	for i := range calls {
		calls[i] = func() {
			if _, err := b.put(t.Context(), fmt.Sprint("u", i), i, long); err != nil {
				t.Error(err)
			}
		}
	}
	b.together(t, calls...)
	for _, batch := range b.ended() {
		if size := (batch.calls - 1) * len(long); size > most {
			t.Errorf("a batch of %d calls of %d bytes", batch.calls, len(long))
		}
	}
	b.wantStored(t, "SELECT count(*) || ' of ' || min(length(note)) FROM counter", "100 of 2000")
}

// TestManyCallersAreInBatchesOfThemselves has as many callers at once as it takes, and
// looks for each write that was acknowledged.
func TestManyCallersAreInBatchesOfThemselves(t *testing.T) {
	t.Parallel()
	const callers, each, owners = 40, 10, 7
	b := newBatcher(t, 16)
	var group sync.WaitGroup
	for i := range callers {
		owner := fmt.Sprint("u", i%owners)
		b.mustPut(t, owner, i)
		group.Go(func() {
			for n := range each {
				if got, err := b.add(t.Context(), owner, i, ""); err != nil || got != n+1 {
					t.Errorf("add: %d, %v, want %d", got, err, n+1)
				}
				if got, err := b.get(t.Context(), owner, i); err != nil || got != n+1 {
					t.Errorf("get: %d, %v, want %d", got, err, n+1)
				}
				if _, err := b.get(t.Context(), fmt.Sprint("u", (i+1+rand.IntN(owners-1))%owners), i); !errors.Is(err, errNoCounter) {
					t.Errorf("get by another: %v", err)
				}
				id := 1000 + i*each + n
				if _, err := b.put(t.Context(), owner, id, ""); err != nil {
					t.Errorf("put: %v", err)
				}
				if n%2 == 0 {
					if _, err := b.remove(t.Context(), owner, id); err != nil {
						t.Errorf("remove: %v", err)
					}
				}
			}
		})
	}
	group.Wait()
	b.wantStored(t, "SELECT concat(count(*), ' with ', sum(n)) FROM counter", fmt.Sprintf("%d with %d", callers+callers*each/2, callers*each))
	together := 0
	for _, batch := range b.ended() {
		if batch.err == nil && batch.calls > 1 {
			together += batch.calls
		}
	}
	if together < 2*callers {
		t.Errorf("%d calls were in batches of more than one", together)
	}
}

// TestABatchSaysNothingOfHowLongAStatementHasItsConnection is about load shedding,
// which goes by statements that run alone.
func TestABatchSaysNothingOfHowLongAStatementHasItsConnection(t *testing.T) {
	t.Parallel()
	b := newBatcher(t, 4)
	slow := func() {
		if err := b.Run(t.Context(), database.Statement{SQL: "SELECT pg_sleep(0.05)", Read: nothing}); err != nil {
			t.Error(err)
		}
	}
	b.together(t, slow, slow)
	if hold := b.Hold(); hold > 0 {
		t.Errorf("a statement is said to hold a connection for %v", hold)
	}
}
