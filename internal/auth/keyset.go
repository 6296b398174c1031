package auth

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// KeySetConfig says where an issuer's keys are and for how long they are good.
type KeySetConfig struct {
	// URL is the address of the key set (RFC 7517 section 5), with its path.
	URL string
	// TTL is the age at which the keys are fetched again, in the background;
	// 0 for an hour, and never more than MaxStale. A key that the issuer
	// removes is refused from then on.
	TTL time.Duration
	// MaxStale is the age beyond which keys are no longer used when they
	// can't be fetched; 0 for a day.
	MaxStale time.Duration
	// Client fetches the keys; nil for one that suits. Its CheckRedirect is
	// not used: no redirect to another host is followed.
	Client *http.Client
	// Logger gets one line whenever fetching begins to fail, fails in another
	// way, or succeeds again; nil for none.
	Logger *slog.Logger
}

// KeySet keeps the issuer's public keys. It fetches them in the background, the
// first time at once, and answers from memory, so that no call waits for the
// issuer unless it has a key that was never seen. It is safe for concurrent use.
type KeySet struct {
	fetcher  *fetcher
	ttl      time.Duration
	maxStale time.Duration
	logger   *slog.Logger

	current atomic.Pointer[keyring] // nil until a fetch succeeded.
	waiting atomic.Int64            // Calls that wait for a fetch.
	stop    context.CancelFunc
	stopped chan struct{}
	wake    chan struct{} // Holds one when a fetch was asked for.

	mu sync.Mutex
	// inFlight is closed when the fetch that runs or was asked for has ended;
	// nil when there is none. There is never more than one.
	inFlight chan struct{}
	failure  error // Of the last fetch; nil when it succeeded.
	budget   fetchBudget
	closed   bool
}

// keyring is what one fetch brought. It never changes.
type keyring struct {
	keys    map[string]*rsa.PublicKey // By key ID.
	fetched time.Time
}

// NewKeySet returns a KeySet and begins to fetch. It must be closed.
func NewKeySet(cfg KeySetConfig) *KeySet {
	ctx, stop := context.WithCancel(context.Background())
	maxStale := cmp.Or(cfg.MaxStale, defaultMaxStale)
	s := &KeySet{
		fetcher:  newFetcher(cfg.URL, cfg.Client),
		ttl:      min(cmp.Or(cfg.TTL, defaultTTL), maxStale),
		maxStale: maxStale,
		logger:   cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		stop:     stop,
		stopped:  make(chan struct{}),
		wake:     make(chan struct{}, 1),
		// The first calls wait for the first fetch.
		inFlight: make(chan struct{}),
	}
	go s.run(ctx)
	return s
}

// Close ends the fetching and returns when it has ended. Keys that were fetched
// go on to serve. A second Close does nothing.
func (s *KeySet) Close() {
	s.stop()
	<-s.stopped
}

// find returns the issuer's key of this ID. It fails with a [*RefusedError] when
// the issuer has none, with [ErrKeysUnavailable], or with ctx's error.
//
// Better Auth publishes a key no sooner than it signs with it, so an ID that is
// unknown may be a new key's: it is worth a fetch, and the wait for it. Beyond
// maxWaiting calls that wait, it fails at once.
func (s *KeySet) find(ctx context.Context, keyID string) (*rsa.PublicKey, error) {
	ring := s.usable()
	if ring != nil && ring.keys[keyID] != nil {
		return ring.keys[keyID], nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		if ring == nil {
			return nil, fmt.Errorf("%w: %d calls wait for them", ErrKeysUnavailable, maxWaiting)
		}
		return nil, refuseKey(ReasonUnknownKey, keyID)
	}
	return s.waitFor(ctx, keyID, ring)
}

// waitFor is find for a key that is not in ring, which is nil when there are no
// usable keys. It waits for at most maxWait.
func (s *KeySet) waitFor(ctx context.Context, keyID string, ring *keyring) (*rsa.PublicKey, error) {
	wait, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if ring == nil {
		var err error
		if ring, err = s.await(ctx, wait); err != nil {
			return nil, err
		}
	}
	// Twice: a fetch that was on its way already may have left too early to
	// bring the key. The one after it did not.
	for range 2 {
		if key := ring.keys[keyID]; key != nil {
			return key, nil
		}
		ended, own := s.refetch(ring)
		if ended == nil {
			break
		}
		select {
		case <-ended:
		case <-wait.Done():
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		ring = s.current.Load()
		if own {
			break
		}
	}
	if key := ring.keys[keyID]; key != nil {
		return key, nil
	}
	return nil, refuseKey(ReasonUnknownKey, keyID)
}

// usable returns the keys at hand, or nil when there are none or they are too
// old. It takes no lock.
func (s *KeySet) usable() *keyring {
	ring := s.current.Load()
	if ring == nil || time.Since(ring.fetched) > s.maxStale {
		return nil
	}
	return ring
}

// holds says whether a key is still the issuer's key of this ID.
func (s *KeySet) holds(keyID string, key *rsa.PublicKey) bool {
	ring := s.usable()
	if ring == nil {
		return false
	}
	current := ring.keys[keyID]
	return current == key || current != nil && current.Equal(key)
}

// await returns the keys that the fetch in flight brings. It fails at once when
// none is in flight: the last one failed, and the next is less than
// maxRetryPauseWithKeys away.
func (s *KeySet) await(ctx, wait context.Context) (*keyring, error) {
	s.mu.Lock()
	ended := s.inFlight
	s.mu.Unlock()
	if ended != nil {
		select {
		case <-ended:
		case <-wait.Done():
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
	}
	if ring := s.usable(); ring != nil {
		return ring, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cause := s.failure
	if cause == nil {
		cause = errors.New("the fetch takes longer than a call waits")
	}
	// Not wrapped: a fetch that timed out must not look like a call that did.
	return nil, fmt.Errorf("%w: %v", ErrKeysUnavailable, cause) //nolint:errorlint // See above.
}

// refetch has the keys fetched, for a caller that misses one in seen. It returns
// what is closed when the fetch has ended, nil when no fetch is allowed, and
// whether the fetch is one that begins after the call.
func (s *KeySet) refetch(seen *keyring) (ended <-chan struct{}, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.Load() != seen: // It has ended since the caller looked.
		done := make(chan struct{})
		close(done)
		return done, false
	case s.inFlight != nil:
		return s.inFlight, false
	case s.closed || !s.budget.take(time.Now()):
		return nil, false
	}
	s.inFlight = make(chan struct{})
	s.wake <- struct{}{} // Has room: begin took the one before.
	return s.inFlight, true
}

// fetchBudget counts the fetches that unknown key IDs cause.
type fetchBudget struct {
	taken [unknownKeyFetches]time.Time // Oldest first.
}

// take says whether one more is allowed at now, and counts it when it is.
func (b *fetchBudget) take(now time.Time) bool {
	if now.Sub(b.taken[0]) < unknownKeyWindow {
		return false
	}
	copy(b.taken[:], b.taken[1:])
	b.taken[len(b.taken)-1] = now
	return true
}
