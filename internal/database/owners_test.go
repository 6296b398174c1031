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
)

// writeTime is how long a write has its connection in these tests.
const writeTime = 10 * time.Millisecond

// ownersTest is owners who have ended all writes when the test, which is in a bubble,
// has ended.
type ownersTest struct {
	*admission
	t *testing.T

	mu     sync.Mutex
	events []string
}

// newOwnersTest returns the owners of so many connections, which statements have held
// for so long in the mean.
func newOwnersTest(t *testing.T, conns int, hold time.Duration) *ownersTest {
	t.Helper()
	o := &ownersTest{t: t}
	o.admission, _ = testAdmission(conns)
	o.hold = hold
	t.Cleanup(func() {
		synctest.Wait()
		if len(o.owners) != 0 {
			t.Errorf("%d owners write in the end", len(o.owners))
		}
	})
	return o
}

// write has an owner's write, which events name, take its time. It returns when the
// write runs, waits or has ended.
func (o *ownersTest) write(ctx context.Context, owner string, number int) {
	o.t.Helper()
	go func() {
		leave, err := o.enterBulkhead(ctx, owner)
		if err != nil {
			o.note("%d: %v", number, err)
			return
		}
		defer leave()
		o.note("%d runs", number)
		time.Sleep(writeTime)
	}()
	synctest.Wait()
}

func (o *ownersTest) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, fmt.Sprintf(format, args...))
}

// want wants events to have come since it was called last.
func (o *ownersTest) want(when string, events ...string) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if diff := cmp.Diff(events, o.events); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
	o.events = nil
}

func TestHalfOfTheConnectionsAreForOneOwner(t *testing.T) {
	t.Parallel()
	for conns, most := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 16: 8} {
		synctest.Test(t, func(t *testing.T) {
			o := newOwnersTest(t, conns, 0)
			var want []string
			for number := range most {
				o.write(t.Context(), "u", number)
				want = append(want, fmt.Sprint(number, " runs"))
			}
			ctx, leave := context.WithCancelCause(t.Context())
			o.write(ctx, "u", 100)
			o.write(t.Context(), "u", 101)
			o.write(t.Context(), "v", 102)
			o.want("at once", append(want, "102 runs")...)
			leave(errors.New("left"))
			o.want("then", "100: left")
			time.Sleep(writeTime)
			o.want("in the end", "101 runs")
			time.Sleep(writeTime)
		})
	}
}

func TestAWriteThatWouldWaitForItsOwnersOthersInVainIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOwnersTest(t, 4, acquireTimeout/2)
		for number := range 7 {
			o.write(t.Context(), "u", number)
		}
		o.want("while five would wait", "0 runs", "1 runs")
		o.write(t.Context(), "u", 7)
		o.want("when they do", "7: "+errOverloaded.Error())
		o.write(t.Context(), "v", 8)
		o.want("of another", "8 runs")
		time.Sleep(4 * writeTime)
	})
}

func TestAWriteThatGetsNoConnectionLeavesItsOwnersOthersTheirs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOwnersTest(t, 2, 0)
		leave, err := o.enter(t.Context(), "u")
		if err != nil {
			t.Fatal(err)
		}
		leave()
		counts(t, o.admission, 2+1)
		o.hold = time.Hour
		refused := func(when string) {
			t.Helper()
			if _, err := o.enter(t.Context(), "u"); !errors.Is(err, errOverloaded) || len(o.owners) != 0 {
				t.Errorf("%s: %v, and %d owners write", when, err, len(o.owners))
			}
		}
		refused("first")
		refused("then")
		o.uncount(o.all, 0)
		o.uncount(o.all, 0)
		if leave, err = o.enter(t.Context(), "u"); err != nil {
			t.Fatal(err)
		}
		leave()
		o.uncount(o.all, 0)
	})
}

// TestNoOwnerHasMoreThanHalfOfTheConnections has many callers, who leave when they
// like.
func TestNoOwnerHasMoreThanHalfOfTheConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 2
		o := newOwnersTest(t, 2*most, 0)
		var mu sync.Mutex
		var running [3]int
		var ran, left int
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				for range 100 {
					n := rand.IntN(len(running))
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(20*time.Millisecond))
					leave, err := o.enterBulkhead(ctx, fmt.Sprint(n))
					cancel()
					mu.Lock()
					if err != nil {
						left++
						mu.Unlock()
						continue
					}
					ran++
					if running[n]++; running[n] > most {
						t.Errorf("%d writes of owner %d run", running[n], n)
					}
					mu.Unlock()
					time.Sleep(rand.N(3 * time.Millisecond))
					mu.Lock()
					running[n]--
					mu.Unlock()
					leave()
				}
			})
		}
		group.Wait()
		if t.Logf("%d ran, %d left", ran, left); min(ran, left) < 100 {
			t.Error("not everything has happened")
		}
	})
}
