package watch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// errAway is that of a store which is unavailable.
var errAway = fmt.Errorf("%w: no connection", todo.ErrUnavailable)

func TestAFeedReadsAllThereIsAtOnceAndThenWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		alice := user(t, "alice")
		for range 2*pageSize + 1 {
			store.change(alice)
		}
		feed, err := hub.Open(alice, nil, pageSize, store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		start := time.Now()
		page, err := feed.First(t.Context())
		for _, want := range []struct {
			todos   int
			hasMore bool
			after   time.Duration
		}{{pageSize, true, 0}, {pageSize, true, 0}, {1, false, 0}, {0, false, 20 * time.Second}, {0, false, 40 * time.Second}} {
			if err != nil || len(page.Todos) != want.todos || page.HasMore != want.hasMore || time.Since(start) != want.after {
				t.Errorf("%d todos, more: %v, %v, after %v, want %+v", len(page.Todos), page.HasMore, err, time.Since(start), want)
			}
			last := page.Next
			if page, err = feed.Next(t.Context()); want.todos == 0 && page.Next != last {
				t.Errorf("a page without todos is at %+v, the one before at %+v", page.Next, last)
			}
		}
	})
}

func TestAFeedContinuesAfterItsPosition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		alice := user(t, "alice")
		store.change(alice)
		store.change(alice)
		feed, err := hub.Open(alice, &todo.SyncPosition{Revision: 1}, pageSize, store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		page, err := feed.First(t.Context())
		if err != nil || len(page.Todos) != 1 || page.Todos[0].Revision != 2 {
			t.Errorf("it begins with %+v, %v", page, err)
		}
	})
}

func TestTheFirstPageFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		feed, err := hub.Open(user(t, "alice"), nil, pageSize, store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		store.fail(errAway, errAway)
		start := time.Now()
		if _, err := feed.First(t.Context()); !errors.Is(err, todo.ErrUnavailable) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAFeedOutlivesAShortOutage(t *testing.T) {
	t.Parallel()
	for name, pollErr := range map[string]error{"all of it": errAway, "reads only": nil} {
		synctest.Test(t, func(t *testing.T) {
			store := new(store)
			hub, log := store.hub(t)
			alice := user(t, "alice")
			feed := store.feed(t, hub, alice)
			time.Sleep(10 * time.Second)
			store.fail(errAway, pollErr)
			store.change(alice)
			hub.Changed(alice)
			start := time.Now()
			time.AfterFunc(25*time.Second, func() { store.fail(nil, nil) })
			if got := next(t, feed); got != 0 || time.Since(start) != 20*time.Second {
				t.Errorf("%s: %d todos after %v, want a heartbeat", name, got, time.Since(start))
			}
			if got, took := next(t, feed), time.Since(start); got != 1 || took < 25*time.Second || took > 31*time.Second {
				t.Errorf("%s: %d todos after %v", name, got, took)
			}
			// It does not look at a database that is away more often than a poll does.
			if reads, _ := store.counts(); reads > 30 {
				t.Errorf("%s: %d reads", name, reads)
			}
			warned, recovered := strings.Count(log.String(), "the poll fails"), strings.Count(log.String(), "works again")
			if want := len(strings.Fields(fmt.Sprint(pollErr))) > 1; (warned == 1) != want || (recovered == 1) != want {
				t.Errorf("%s: logged %s", name, log)
			}
		})
	}
}

func TestAFeedGivesUpAfterHalfAMinute(t *testing.T) {
	t.Parallel()
	for name, pollErr := range map[string]error{"all of it": errAway, "reads only": nil} {
		ends := make(map[time.Duration]bool)
		for range 10 {
			synctest.Test(t, func(t *testing.T) {
				store := new(store)
				hub, _ := store.hub(t)
				alice := user(t, "alice")
				feed := store.feed(t, hub, alice)
				store.fail(errAway, pollErr)
				hub.Changed(alice)
				start := time.Now()
				if got := next(t, feed); got != 0 {
					t.Errorf("%s: %d todos", name, got)
				}
				_, err := feed.Next(t.Context())
				if took := time.Since(start); !errors.Is(err, todo.ErrUnavailable) || took < 30*time.Second || took > 41*time.Second {
					t.Errorf("%s: it gives up after %v: %v", name, took, err)
				}
				ends[time.Since(start)] = true
			})
		}
		if len(ends) < 5 {
			t.Errorf("%s: feeds give up after %v", name, ends)
		}
	}
}

// TestAFeedThatCouldNotReadTriesAgainThoughNothingHasChanged: a write that failed wakes as
// well, since nobody knows what became of it.
func TestAFeedThatCouldNotReadTriesAgainThoughNothingHasChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, hub, alice, feed := watched(t)
		store.fail(errAway, errAway)
		hub.Changed(alice)
		time.AfterFunc(5*time.Second, func() { store.fail(nil, nil) })
		for range 5 { // Heartbeats.
			if got := next(t, feed); got != 0 {
				t.Errorf("%d todos", got)
			}
		}
	})
}

func TestAReadThatHangsIsAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		alice := user(t, "alice")
		hangs := false
		feed, err := hub.Open(alice, nil, pageSize, func(ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error) {
			if hangs {
				<-ctx.Done()
				return todo.Changes{}, ctx.Err()
			}
			return store.Changes(ctx, owner, after, size)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		if _, err := feed.First(t.Context()); err != nil {
			t.Fatal(err)
		}
		hangs = true
		hub.Changed(alice)
		for range 3 {
			if _, err = feed.Next(t.Context()); err != nil {
				break
			}
		}
		if !errors.Is(err, todo.ErrUnavailable) {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestADefectEndsAFeedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, hub, alice, feed := watched(t)
		defect := errors.New("a defect")
		store.fail(defect, nil)
		hub.Changed(alice)
		start := time.Now()
		if _, err := feed.Next(t.Context()); !errors.Is(err, defect) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAFeedEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		feed := store.feed(t, hub, user(t, "alice"))
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 7*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestAClientWaitsAsLongAsItChooses is about a long poll.
func TestAClientWaitsAsLongAsItChooses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change, done time.Duration // When that happens; 0 for never.
		todos        int
		took         time.Duration
	}{
		"nothing happens":                 {0, 0, 0, 25 * time.Second},
		"a change comes":                  {3 * time.Second, 0, 1, 3 * time.Second},
		"the server ends it before":       {0, 4 * time.Second, 0, 4 * time.Second},
		"a change comes and then the end": {3 * time.Second, 4 * time.Second, 1, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := new(store)
			hub, _ := store.hub(t)
			alice := user(t, "alice")
			feed := store.feed(t, hub, alice)
			done := make(chan struct{})
			if test.change > 0 {
				time.AfterFunc(test.change, func() {
					store.change(alice)
					hub.Changed(alice)
				})
			}
			if test.done > 0 {
				time.AfterFunc(test.done, func() { close(done) })
			}
			start := time.Now()
			page, err := feed.Wait(t.Context(), 25*time.Second, done)
			if err != nil || len(page.Todos) != test.todos || time.Since(start) != test.took {
				t.Errorf("%s: %d todos, %v, after %v", name, len(page.Todos), err, time.Since(start))
			}
		})
	}
}

// TestManyFeedsThatAreWokenReadAFewAtATime wakes all feeds of a process at once.
func TestManyFeedsThatAreWokenReadAFewAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		const feeds, atOnce = 1000, 32
		var reading, most, done atomic.Int64
		read := func(ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error) {
			n := reading.Add(1)
			defer reading.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(10 * time.Millisecond)
			return store.Changes(ctx, owner, after, size)
		}
		for i := range feeds {
			feed, err := hub.Open(user(t, fmt.Sprint(i)), nil, pageSize, read)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				defer feed.Close()
				if _, err := feed.First(t.Context()); err != nil {
					t.Error(err)
				}
				if page, err := feed.Next(t.Context()); err != nil || !page.IsReset {
					t.Errorf("%+v, %v", page, err)
				}
				done.Add(1)
			}()
		}
		time.Sleep(500 * time.Millisecond) // The first pages are read.
		store.restore()
		time.Sleep(10 * time.Second)
		if most.Load() != atOnce || done.Load() != feeds {
			t.Errorf("%d read at once, want %d; %d of %d have read", most.Load(), atOnce, done.Load(), feeds)
		}
	})
}

// TestAFeedThatMayNotReadInTimeIsRefused has others read for longer than a read may take.
func TestAFeedThatMayNotReadInTimeIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		ctx, cancel := context.WithCancel(t.Context())
		hang := func(context.Context, todo.UserID, *todo.SyncPosition, int) (todo.Changes, error) {
			<-ctx.Done()
			return todo.Changes{}, ctx.Err()
		}
		var hanging sync.WaitGroup
		for i := range 32 {
			feed, err := hub.Open(user(t, fmt.Sprint(i)), nil, pageSize, hang)
			if err != nil {
				t.Fatal(err)
			}
			hanging.Go(func() {
				defer feed.Close()
				_, _ = feed.First(ctx)
			})
		}
		synctest.Wait()
		feed, err := hub.Open(user(t, "alice"), nil, pageSize, store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		start := time.Now()
		if _, err := feed.First(t.Context()); !errors.Is(err, todo.ErrUnavailable) || time.Since(start) != 10*time.Second {
			t.Errorf("it fails with %v after %v", err, time.Since(start))
		}
		cancel()
		hanging.Wait()
		if _, err := feed.First(t.Context()); err != nil {
			t.Errorf("when others have read: %v", err)
		}
	})
}

// TestWritesDoNotWaitForWatchers has a feed that nobody reads, and many writers.
func TestWritesDoNotWaitForWatchers(t *testing.T) {
	t.Parallel()
	store := new(store)
	hub, _ := store.hub(t)
	alice := user(t, "alice")
	var feeds []*watch.Feed
	for range 10 {
		feeds = append(feeds, store.feed(t, hub, alice))
	}
	for range 1000 {
		hub.Changed(alice) // It would hang.
	}
	for _, feed := range feeds {
		feed.Close()
	}
	hub.Changed(alice)
}
