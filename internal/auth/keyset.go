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

// KeySetConfig says where an issuer's keys are and how long they are used.
type KeySetConfig struct {
	// URL is the address of the key set (RFC 7517 section 5), with its path.
	URL string
	// TTL is the age at which the keys are fetched again in the background; 0 for
	// an hour, and at most MaxStale. A key that the issuer removed is rejected
	// afterwards.
	TTL time.Duration
	// MaxStale is the age beyond which keys are no longer used; 0 for a day.
	MaxStale time.Duration
	// Client fetches the keys; nil for a default one. Its CheckRedirect is
	// replaced: no redirect to another host is followed.
	Client *http.Client
	// Logger gets one line whenever fetching begins to fail, fails for another
	// kind of reason, or succeeds again; nil for none.
	Logger *slog.Logger
}

// KeySet caches the issuer's public keys. It fetches them in the background, the first
// time at once. A call waits for a fetch only when its key ID is unknown or there are
// no keys yet. It is safe for concurrent use.
type KeySet struct {
	fetcher  *fetcher
	ttl      time.Duration
	maxStale time.Duration
	logger   *slog.Logger

	current atomic.Pointer[keyring] // nil until a fetch succeeded.
	waiting atomic.Int64            // Calls that wait for a fetch.
	stop    context.CancelFunc
	stopped chan struct{}
	wake    chan struct{} // Has one element when a fetch was requested.

	mu sync.Mutex
	// inFlight is closed when the running or requested fetch has ended, and nil when
	// there is none. There is never more than one.
	inFlight chan struct{}
	failure  error // Of the last fetch; nil when it succeeded.
	fetches  int64
	failures int64 // Of those.
	budget   fetchBudget
	closed   bool
}

// keyring has the keys of one fetch. It is immutable.
type keyring struct {
	keys    map[string]*rsa.PublicKey // By key ID.
	fetched time.Time
}

// NewKeySet returns a KeySet and starts to fetch. It must be closed.
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

// Close ends the fetching and waits for its end. Fetched keys can still be used. A
// second Close does nothing.
func (s *KeySet) Close() {
	s.stop()
	<-s.stopped
}

// find returns the issuer's key of this ID. It fails with a [*RefusedError] when
// the issuer has none, with [ErrKeysUnavailable], or with ctx's error.
//
// Better Auth signs with a key as soon as it publishes it, so an unknown ID may belong
// to a new key. Then find fetches the keys and waits. While maxWaiting calls wait, it
// fails at once.
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

// waitFor waits for a key that is not in ring, for at most maxWait. ring is nil when
// there are no usable keys.
func (s *KeySet) waitFor(ctx context.Context, keyID string, ring *keyring) (*rsa.PublicKey, error) {
	wait, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if ring == nil {
		var err error
		if ring, err = s.await(ctx, wait); err != nil {
			return nil, err
		}
	}
	// Twice: a fetch that was already in flight may have started before the key was
	// published. The next one did not.
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

// usable returns the cached keys, or nil when there are none or they are too old. It
// takes no lock.
func (s *KeySet) usable() *keyring {
	ring := s.current.Load()
	if ring == nil || time.Since(ring.fetched) > s.maxStale {
		return nil
	}
	return ring
}

// holds reports whether a key is still the issuer's key of this ID.
func (s *KeySet) holds(keyID string, key *rsa.PublicKey) bool {
	ring := s.usable()
	if ring == nil {
		return false
	}
	current := ring.keys[keyID]
	return current == key || current != nil && current.Equal(key)
}

// await waits for the fetch in flight and returns its keys. When none is in flight, it
// fails at once: the last fetch failed, and the next starts in less than
// maxRetryPauseWithKeys.
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
	// Not wrapped: the timeout of a fetch must not pass for the call's own.
	return nil, fmt.Errorf("%w: %v", ErrKeysUnavailable, cause) //nolint:errorlint // See above.
}

// refetch requests a fetch, for a caller that misses a key in seen. It returns a
// channel that is closed when the fetch has ended, or nil when no fetch is allowed. own
// says that the fetch starts after the call.
func (s *KeySet) refetch(seen *keyring) (ended <-chan struct{}, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.Load() != seen: // A fetch has ended since the caller loaded seen.
		done := make(chan struct{})
		close(done)
		return done, false
	case s.inFlight != nil:
		return s.inFlight, false
	case s.closed || !s.budget.take(time.Now()):
		return nil, false
	}
	s.inFlight = make(chan struct{})
	s.wake <- struct{}{} // Never blocks: begin took the element before.
	return s.inFlight, true
}

// fetchBudget limits the fetches that unknown key IDs cause.
type fetchBudget struct {
	taken [unknownKeyFetches]time.Time // Oldest first.
}

// take reports whether one more fetch is allowed at now, and counts it if so.
func (b *fetchBudget) take(now time.Time) bool {
	if now.Sub(b.taken[0]) < unknownKeyWindow {
		return false
	}
	copy(b.taken[:], b.taken[1:])
	b.taken[len(b.taken)-1] = now
	return true
}
