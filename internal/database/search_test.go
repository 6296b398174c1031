package database

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	errStandby = errors.New("a standby")
	errFull    = &pgconn.PgError{Code: tooManyConnections, Message: "full"}
	errStarts  = &pgconn.PgError{Code: "57P03", Message: "starting up"}
)

// speech is what an address says, after a time.
type speech func(ctx context.Context) (timeline, error)

// says has an address say something after a time.
func says(after time.Duration, at timeline, err error) speech {
	return func(ctx context.Context) (timeline, error) {
		select {
		case <-time.After(after):
			return at, err
		case <-ctx.Done():
			return timeline{}, ctx.Err()
		}
	}
}

// saysNothing is an address that is silent.
func saysNothing(ctx context.Context) (timeline, error) {
	<-ctx.Done()
	return timeline{}, ctx.Err()
}

// searchTest searches among hosts, each of which has addresses that say something.
type searchTest struct {
	*search
	laters atomic.Int32
}

func newSearchTest(hosts ...[]speech) *searchTest {
	s := &searchTest{search: &search{bounds: UsualBounds(), fence: new(fence), group: new(sync.WaitGroup)}}
	s.later = func() { s.laters.Add(1) }
	speeches := make(map[*endpoint]speech)
	addresses := make(map[*host][]*endpoint)
	for place, all := range hosts {
		h := &host{place: place, config: &pgconn.Config{Host: string(rune('a' + place)), Port: 5432}}
		s.hosts = append(s.hosts, h)
		for range all {
			addresses[h] = append(addresses[h], &endpoint{host: h})
		}
		for i, e := range addresses[h] {
			speeches[e] = all[i]
		}
	}
	s.lookUp = func(h *host, _ context.Context) ([]*endpoint, error) { return addresses[h], nil }
	s.ask = func(ctx context.Context, e *endpoint) (*pgconn.FallbackConfig, timeline, error) {
		at, err := speeches[e](ctx)
		return nil, at, err
	}
	return s
}

// on is the timeline of the cluster that most tests are of.
func on(number uint32) timeline { return timeline{"a", number} }

func TestThePrimaryIsFoundAmongAllHosts(t *testing.T) {
	t.Parallel()
	one := func(s speech) []speech { return []speech{s} }
	usual := UsualBounds()
	for name, test := range map[string]struct {
		hosts [][]speech
		want  string        // The host; empty for none.
		after time.Duration // At most.
		least time.Duration // At least.
	}{
		"all answer":                       {[][]speech{one(says(0, on(1), errStandby)), one(says(0, on(1), nil))}, "b", 0, 0},
		"none is the primary":              {[][]speech{one(says(0, on(1), errStandby)), one(says(0, on(1), errStarts))}, "", 0, 0},
		"another one is silent":            {[][]speech{one(saysNothing), one(says(0, on(1), nil))}, "b", usual.OtherHosts, usual.OtherHosts},
		"an address of its own is silent":  {[][]speech{{saysNothing, says(0, on(1), nil)}, one(says(0, on(1), errStandby))}, "a", usual.OtherHosts, 0},
		"all are silent":                   {[][]speech{one(saysNothing), one(saysNothing)}, "", usual.Connect, usual.Connect},
		"the first of two":                 {[][]speech{one(says(usual.OtherHosts/2, on(1), nil)), one(says(0, on(1), nil))}, "a", usual.OtherHosts, 0},
		"the later of two":                 {[][]speech{one(says(0, on(1), nil)), one(says(usual.OtherHosts/2, on(2), nil))}, "b", usual.OtherHosts, 0},
		"the later of two, of three":       {[][]speech{one(says(0, on(2), nil)), one(saysNothing), one(says(0, on(3), nil))}, "c", usual.OtherHosts, 0},
		"another cluster comes before":     {[][]speech{one(says(time.Second, timeline{"b", 1}, nil)), one(says(0, on(7), nil)), one(says(0, timeline{"c", 1}, nil))}, "a", time.Second, 0},
		"one that doesn't tell, and first": {[][]speech{one(says(time.Second, timeline{}, nil)), one(says(0, timeline{}, nil))}, "a", time.Second, 0},
		"full, and another one is silent":  {[][]speech{one(saysNothing), one(says(0, timeline{}, errFull))}, "", usual.OtherHosts, usual.OtherHosts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSearchTest(test.hosts...)
				ctx, cancel := context.WithCancel(t.Context())
				defer func() {
					cancel()
					s.group.Wait()
				}()
				began := time.Now()
				found, err := s.find(ctx)
				got := ""
				if err == nil {
					got = found.host.config.Host
				}
				if took := time.Since(began); got != test.want || took > test.after || took < test.least {
					t.Errorf("found %q, %v, after %v, want %q after %v to %v", got, err, took, test.want, test.least, test.after)
				}
			})
		})
	}
}

func TestAStandbyIsAskedAgainWhileAnotherHostIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newSearchTest([]speech{saysNothing}, []speech{func(context.Context) (timeline, error) {
			if asked++; asked < 4 {
				return on(1), errStandby
			}
			return on(2), nil
		}})
		began := time.Now()
		found, err := s.find(t.Context())
		if err != nil || found.host.place != 1 {
			t.Fatalf("find: %v, %v", found, err)
		}
		if took := time.Since(began); took < 3*askInterval {
			t.Errorf("asked four times within %v", took)
		}
		s.group.Wait()
	})
}

// TestASuccessorThatAnswersLateIsSeen has it answer when the former primary was chosen.
func TestASuccessorThatAnswersLateIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearchTest([]speech{says(0, on(1), nil)}, []speech{says(time.Second, on(2), nil)})
		if found, err := s.find(t.Context()); err != nil || found.host.place != 0 || s.laters.Load() > 0 {
			t.Fatalf("find: %v, %v", found, err)
		}
		s.group.Wait()
		if s.laters.Load() != 1 || !s.fence.isBehind(on(1)) {
			t.Errorf("told %d times of a later timeline, want once", s.laters.Load())
		}
	})
}

// TestASuccessorThatIsSeenAtTheLastMomentIsPreferred has an earlier search see it when this
// one has looked at all answers, of which the former primary's is the best.
func TestASuccessorThatIsSeenAtTheLastMomentIsPreferred(t *testing.T) {
	t.Parallel()
	s := newSearchTest()
	h := &host{config: &pgconn.Config{Host: "a", Port: 5432}}
	e := &endpoint{host: h}
	s.latest = map[*endpoint]answer{e: {host: h, endpoint: e, at: on(1)}}
	s.fence.see(on(1))
	best := s.best()
	s.fence.see(on(2))
	found, err := s.decide(best)
	if found != nil || err == nil || !strings.Contains(err.Error(), "former") || s.former == nil {
		t.Errorf("found %v, %v, want an error that says why", found, err)
	}
	if !s.fence.isBehind(on(1)) {
		t.Error("the former primary is behind no more")
	}
}

func TestAFormerPrimaryIsNotFoundForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearchTest([]speech{says(0, on(1), nil)}, []speech{says(0, on(1), errStandby)})
		s.fence.see(on(2))
		if _, err := s.find(t.Context()); err == nil || !strings.Contains(err.Error(), "former") || s.former == nil {
			t.Errorf("find: %v, want an error that says why", err)
		}
		time.Sleep(fenceTime)
		if found, err := s.find(t.Context()); err != nil || found.host.place != 0 {
			t.Errorf("find after a minute: %v, %v, want the only one that there is", found, err)
		}
		s.group.Wait()
	})
}

func TestAFullServerIsTheReasonWhateverTheOthersSay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearchTest([]speech{says(0, timeline{}, errStarts)}, []speech{says(0, timeline{}, errFull)})
		if _, err := s.find(t.Context()); !hasState(err, tooManyConnections) {
			t.Errorf("find: %v, want the full server's error first", err)
		}
		s.group.Wait()
	})
}

// TestAForgottenPrimaryIsSearchedAnew forgets it while the search is under way, and after it.
func TestAForgottenPrimaryIsSearchedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrimary(slog.New(slog.DiscardHandler))
		var searches atomic.Int32
		p.newSearch = func() *search {
			searches.Add(1)
			s := newSearchTest([]speech{says(10*time.Millisecond, on(1), nil)})
			s.group = &p.group
			return s.search
		}
		find := func(want int32) {
			t.Helper()
			if _, _, err := p.find(t.Context(), primaryAge); err != nil || searches.Load() != want {
				t.Errorf("%d searches, %v, want %d", searches.Load(), err, want)
			}
		}
		var first sync.WaitGroup
		first.Go(func() { find(1) })
		synctest.Wait()
		p.forget()
		find(1) // The one under way.
		first.Wait()
		find(2)
		find(2)
		p.forget()
		find(3)
		time.Sleep(primaryAge)
		find(4)
		p.close()
	})
}

// TestOneOfThoseWhoWaitForASearchHasAsked so that a failure counts once.
func TestOneOfThoseWhoWaitForASearchHasAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackoffTest(t)
		p := newPrimary(slog.New(slog.DiscardHandler))
		p.newSearch = func() *search {
			s := newSearchTest([]speech{says(10*time.Millisecond, on(1), errStandby)})
			s.group = &p.group
			return s.search
		}
		direct := b.direct(p)
		var all sync.WaitGroup
		for range maxAttempts {
			all.Go(func() {
				if err := direct(t.Context(), nil); err == nil {
					t.Error("a connection without a primary")
				}
			})
		}
		all.Wait()
		if b.failures != 1 || b.attempts != 0 || b.connects != 1 || b.failed != 1 {
			t.Errorf("%d failures, %d attempts left, %d connects, %d failed, want 1, 0, 1, 1", b.failures, b.attempts, b.connects, b.failed)
		}
		p.close()
	})
}
