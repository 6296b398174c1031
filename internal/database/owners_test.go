package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// turnsTest is turns that nobody may have or wait for when the test, which is in a
// bubble, has ended.
type turnsTest struct {
	*turns
	t *testing.T

	mu     sync.Mutex
	events []string
}

// newTurnsTest returns the turns of a pool, whose connections calls have held for
// so long in the mean.
func newTurnsTest(t *testing.T, maxConns int, hold time.Duration) *turnsTest {
	t.Helper()
	q, _ := newQueue(maxConns)
	q.hold = hold
	w := &turnsTest{turns: newTurns(maxConns, q), t: t}
	t.Cleanup(func() {
		synctest.Wait()
		if len(w.lines) != 0 {
			t.Errorf("%d owners write in the end", len(w.lines))
		}
	})
	return w
}

// write has a call, which events name, write for usual. It returns when the call
// writes, waits or has ended.
func (w *turnsTest) write(ctx context.Context, owner todo.UserID, call int) {
	w.t.Helper()
	go func() {
		pass, err := w.take(ctx, owner)
		if err != nil {
			w.note("%d: %v", call, err)
			return
		}
		defer pass()
		w.note("%d writes", call)
		time.Sleep(usual)
	}()
	synctest.Wait()
}

func (w *turnsTest) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// want wants events to have come since it was called last.
func (w *turnsTest) want(when string, events ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(events, w.events); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
	w.events = nil
}

// owner returns an owner by number.
func owner(t *testing.T, number int) todo.UserID {
	t.Helper()
	id, err := todo.ParseUserID(fmt.Sprint("u", number))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestHalfOfTheConnectionsAreForOneOwner(t *testing.T) {
	t.Parallel()
	for maxConns, most := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 16: 8} {
		synctest.Test(t, func(t *testing.T) {
			w := newTurnsTest(t, maxConns, 0)
			var want []string
			for call := range most {
				w.write(t.Context(), owner(t, 0), call)
				want = append(want, fmt.Sprint(call, " writes"))
			}
			ctx, leave := context.WithCancelCause(t.Context())
			w.write(ctx, owner(t, 0), 100)
			w.write(t.Context(), owner(t, 0), 101)
			w.write(t.Context(), owner(t, 1), 102)
			w.want("at once", append(want, "102 writes")...)
			for number, want := range []bool{true, most == 1, false} {
				if got := w.full(owner(t, number)); got != want {
					t.Errorf("of %d connections, the line of owner %d is full: %t", maxConns, number, got)
				}
			}
			leave(errors.New("left"))
			w.want("then", "100: left")
			time.Sleep(usual)
			w.want("in the end", "101 writes")
			time.Sleep(usual)
		})
	}
}

func TestACallThatWouldWaitForItsTurnInVainIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTurnsTest(t, 4, acquireTimeout/2)
		for call := range 7 {
			w.write(t.Context(), owner(t, 0), call)
		}
		w.want("while five would wait", "0 writes", "1 writes")
		w.write(t.Context(), owner(t, 0), 7)
		w.want("when they do", "7: "+errOverloaded.Error())
		w.write(t.Context(), owner(t, 1), 8)
		w.want("elsewhere", "8 writes")
		time.Sleep(4 * usual)
	})
}

// TestNoOwnerHasMoreThanTheirTurns has many callers, who leave when they like.
func TestNoOwnerHasMoreThanTheirTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 2
		w := newTurnsTest(t, 2*most, 0)
		var mu sync.Mutex
		var writing [3]int
		var wrote, left int
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				for range 100 {
					n := rand.IntN(len(writing))
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(20*time.Millisecond))
					pass, err := w.take(ctx, owner(t, n))
					cancel()
					mu.Lock()
					if err != nil {
						left++
						mu.Unlock()
						continue
					}
					wrote++
					if writing[n]++; writing[n] > most {
						t.Errorf("%d calls write for owner %d", writing[n], n)
					}
					mu.Unlock()
					time.Sleep(rand.N(3 * time.Millisecond))
					mu.Lock()
					writing[n]--
					mu.Unlock()
					pass()
				}
			})
		}
		group.Wait()
		if t.Logf("%d wrote, %d left", wrote, left); min(wrote, left) < 100 {
			t.Error("not everything has happened")
		}
	})
}
