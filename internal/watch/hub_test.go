package watch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

func TestAChangeInThisProcessWakesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		alice, bob := user(t, "alice"), user(t, "bob")
		feeds := []*watch.Feed{store.feed(t, hub, alice), store.feed(t, hub, alice)}
		hers := store.feed(t, hub, bob)
		start := time.Now()
		store.change(alice)
		hub.Changed(alice)
		for i, feed := range feeds {
			if got := next(t, feed); got != 1 || time.Since(start) != 0 {
				t.Errorf("feed %d has %d todos after %v", i, got, time.Since(start))
			}
		}
		if got := next(t, hers); got != 0 || time.Since(start) != 20*time.Second {
			t.Errorf("bob's feed has %d todos after %v", got, time.Since(start))
		}
		if reads, _ := store.counts(); reads != 5 { // Three first pages, and alice's two.
			t.Errorf("%d reads, want 5", reads)
		}
	})
}

func TestAChangeInAnotherProcessWakesWithinAboutASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _, alice, feed := watched(t)
		for range 20 {
			start := time.Now()
			store.change(alice)
			if got, took := next(t, feed), time.Since(start); got != 1 || took > 1100*time.Millisecond {
				t.Errorf("%d todos after %v", got, took)
			}
		}
	})
}

// TestWhoKnowsOfAChangeIsNotWokenForIt: a poll finds what the process itself has changed
// too.
func TestWhoKnowsOfAChangeIsNotWokenForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, hub, alice, feed := watched(t)
		store.change(alice)
		hub.Changed(alice)
		next(t, feed)
		before, _ := store.counts()
		if got := next(t, feed); got != 0 { // The heartbeat, twenty polls later.
			t.Errorf("%d todos", got)
		}
		if reads, polls := store.counts(); reads != before || polls < 18 {
			t.Errorf("%d reads after %d, in %d polls", reads, before, polls)
		}
	})
}

func TestARestoreOfTheDatabaseWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		feed := store.feed(t, hub, user(t, "alice"))
		store.restore()
		page, err := feed.Next(t.Context())
		if err != nil || !page.IsReset || len(page.Todos) != 0 {
			t.Errorf("the next page is %+v, %v", page, err)
		}
	})
}

func TestNobodyIsPolledForWhileNobodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		checkPolls := func(when string, most int) {
			t.Helper()
			_, before := store.counts()
			time.Sleep(time.Hour)
			if _, polls := store.counts(); polls > before+most {
				t.Errorf("%s: %d polls", when, polls-before)
			}
		}
		checkPolls("before anybody watches", 0)
		for range 2 {
			feed, err := hub.Open(user(t, "alice"), nil, pageSize, store.Changes)
			if err != nil {
				t.Fatal(err)
			}
			_, before := store.counts()
			time.Sleep(time.Minute)
			if _, polls := store.counts(); polls < before+54 || polls > before+67 {
				t.Errorf("%d polls in a minute", polls-before)
			}
			feed.Close()
			checkPolls("when nobody watches any more", 1)
		}
	})
}

func TestAPollAsksForAtMostAThousandAccountsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub, _ := store.hub(t)
		for i := range 2500 {
			store.feed(t, hub, user(t, fmt.Sprint(i)))
			store.feed(t, hub, user(t, fmt.Sprint(i)))
		}
		time.Sleep(1200 * time.Millisecond)
		synctest.Wait()
		store.mu.Lock()
		defer store.mu.Unlock()
		asked := make(map[todo.UserID]int)
		for _, owners := range store.polls {
			if len(owners) > 1000 {
				t.Errorf("a statement for %d accounts", len(owners))
			}
			for _, owner := range owners {
				asked[owner]++
			}
		}
		if len(store.polls) != 3 || len(asked) != 2500 {
			t.Errorf("%d statements for %d accounts, want 3 for 2500", len(store.polls), len(asked))
		}
	})
}

func TestFeedsHaveBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(store)
		hub := watch.NewHub(watch.Config{Heads: store.Heads, MaxPerUser: 2, Max: 3})
		defer hub.Close()
		open := func(owner string, want error) *watch.Feed {
			t.Helper()
			feed, err := hub.Open(user(t, owner), nil, pageSize, store.Changes)
			if !errors.Is(err, want) || err == nil != (want == nil) {
				t.Errorf("%s opens a feed: %v, want %v", owner, err, want)
			}
			return feed
		}
		first, second := open("alice", nil), open("alice", nil)
		open("alice", watch.ErrUserLimit)
		third := open("bob", nil)
		open("carol", watch.ErrLimit)
		if got := hub.Stats(); got.Open != 3 || got.Limit != 3 || got.Users != 2 {
			t.Errorf("three are open: %+v", got)
		}
		first.Close()
		open("carol", nil).Close()
		fourth := open("alice", nil)
		for _, feed := range []*watch.Feed{second, third, fourth} {
			feed.Close()
		}
		if got := hub.Stats(); got.Open != 0 || got.Users != 0 {
			t.Errorf("none is open: %+v", got)
		}
	})
}

// TestWhoDoesNotReadIsNotWaitedFor makes changes that nobody reads, and then reads.
func TestWhoDoesNotReadIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, hub, alice, feed := watched(t)
		for range 2 {
			for range pageSize {
				store.change(alice)
				hub.Changed(alice)
			}
			before, _ := store.counts()
			start := time.Now()
			if got := next(t, feed); got != pageSize {
				t.Errorf("the next page has %d todos, want all %d", got, pageSize)
			}
			if got := next(t, feed); got != 0 || time.Since(start) != 20*time.Second {
				t.Errorf("then come %d todos after %v", got, time.Since(start))
			}
			if reads, _ := store.counts(); reads != before+1 {
				t.Errorf("%d reads for all of them", reads-before)
			}
		}
	})
}

// TestWhatAPageHasWakesNobodyForAnother makes a change between two pages.
func TestWhatAPageHasWakesNobodyForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, hub, alice, feed := watched(t)
		change := func() {
			store.change(alice)
			hub.Changed(alice)
		}
		for range pageSize + 1 {
			change()
		}
		next(t, feed)
		change()
		if got := next(t, feed); got != 2 {
			t.Errorf("the second page has %d todos, want both that are left", got)
		}
		before, _ := store.counts()
		if got := next(t, feed); got != 0 {
			t.Errorf("then come %d todos", got)
		}
		if reads, _ := store.counts(); reads != before {
			t.Errorf("%d reads in vain", reads-before)
		}
	})
}

func TestAPollThatPanicsIsOneThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &store{pollPanic: true}
		hub, log := store.hub(t)
		store.feed(t, hub, user(t, "alice"))
		time.Sleep(time.Minute)
		if got := hub.Stats(); got.PollFailures < 10 || got.PollFailures != got.Polls {
			t.Errorf("%+v", got)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "a defect") {
			t.Errorf("logged %s", log)
		}
	})
}

func TestAClosedHubPollsNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &store{pollHang: true}
		hub, log := store.hub(t)
		feed, err := hub.Open(user(t, "alice"), nil, pageSize, store.Changes)
		if err != nil {
			t.Fatal(err)
		}
		defer feed.Close()
		time.Sleep(2 * time.Second) // A poll hangs now.
		start := time.Now()
		hub.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		time.Sleep(time.Hour)
		if _, polls := store.counts(); polls != 1 || log.Len() > 0 {
			t.Errorf("%d polls, logged %s", polls, log)
		}
	})
}
