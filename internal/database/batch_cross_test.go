package database_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// twoProcesses returns two batchers on one database.
func twoProcesses(t *testing.T, change ...func(*database.Config)) [2]*batcher {
	t.Helper()
	first := newBatcher(t, 8, change...)
	return [2]*batcher{first, observe(openCounters(t, first.url, 8, change...))}
}

// cross has two processes add to three counters in opposite orders. Each is at work on
// one when it comes to the second, which a transaction beside them keeps until both
// wait. It returns how the batches ended.
func cross(t *testing.T, owners ...string) (errs []error) {
	t.Helper()
	both := twoProcesses(t)
	for i, owner := range owners {
		both[0].mustPut(t, owner, i)
	}
	tx := pgtest.Begin(t, both[0].url, "SELECT FROM counter WHERE id = 1 FOR UPDATE")
	var waits []func()
	order := []int{0, 1, 2}
	for _, b := range both {
		var adds []func()
		for _, id := range order {
			adds = append(adds, func() {
				if _, err := b.add(t.Context(), owners[id], id, ""); err != nil {
					t.Errorf("add: %v", err)
				}
			})
		}
		waits = append(waits, b.batchInOrder(t, adds...))
		slices.Reverse(order)
	}
	pgtest.WaitForLocked(t, both[0].url, 2)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, b := range both {
		waits[i]()
		errs = append(errs, b.ended()[0].err)
	}
	both[0].wantStored(t, "SELECT string_agg(n::text, ' ') FROM counter", "2 2 2")
	return errs
}

func TestBatchesOfTwoProcessesLockOwnersRowsInOneOrder(t *testing.T) {
	t.Parallel()
	for _, err := range cross(t, "a", "b", "c") {
		if err != nil {
			t.Errorf("a batch: %v", err)
		}
	}
}

// TestADeadlockOfTwoBatchesFailsNobody has one owner's rows locked in opposite orders.
func TestADeadlockOfTwoBatchesFailsNobody(t *testing.T) {
	t.Parallel()
	deadlock, ok := errors.AsType[*pgconn.PgError](errors.Join(cross(t, "a", "a", "a")...))
	if !ok || deadlock.Code != "40P01" {
		t.Errorf("the batches ended with %v, want a deadlock", deadlock)
	}
}

// TestTwoProcessesThatCrossFailNobody has many callers write the same counters.
func TestTwoProcessesThatCrossFailNobody(t *testing.T) {
	t.Parallel()
	const callers, each, rows = 8, 25, 6
	both := twoProcesses(t, bounds(func(b *database.Bounds) { b.BatchLock = database.UsualBounds().BatchLock }))
	for id := range rows {
		both[0].mustPut(t, fmt.Sprint("u", id%3), id)
	}
	var group sync.WaitGroup
	for caller := range 2 * callers {
		b := both[caller%2]
		group.Go(func() {
			for range each {
				id := rand.IntN(rows)
				if _, err := b.add(t.Context(), fmt.Sprint("u", id%3), id, ""); err != nil {
					t.Errorf("add: %v", err)
				}
				// Another's id, which locks the row and changes nothing.
				if _, err := b.put(t.Context(), fmt.Sprint("u", rand.IntN(3)), id, ""); err != nil && !errors.Is(err, errNoCounter) {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	group.Wait()
	both[0].wantStored(t, "SELECT sum(n)::text FROM counter", fmt.Sprint(2*callers*each))
}
