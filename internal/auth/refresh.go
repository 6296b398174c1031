package auth

import (
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// run fetches the keys until ctx ends: when they reach their TTL, when a fetch is
// requested, and when the pause after a failed one is over.
func (s *KeySet) run(ctx context.Context) {
	defer close(s.stopped)
	defer s.end()
	var log stateLog
	for failures := 0; ; {
		s.begin()
		keys, err := s.fetcher.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		s.settle(keys, err)
		log.note(s.logger, len(keys), err)

		pause := s.ttl
		if err != nil {
			failures++
			pause = retryPause(failures, s.usable() != nil)
		} else {
			failures = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// begin marks a fetch as in flight, for callers to wait for.
func (s *KeySet) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight == nil {
		s.inFlight = make(chan struct{})
	}
	// This fetch also serves a request that came just now.
	select {
	case <-s.wake:
	default:
	}
}

// settle stores the result of a fetch and releases the calls that wait for it. A failed
// fetch leaves the keys as they are.
func (s *KeySet) settle(keys map[string]*rsa.PublicKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.current.Store(&keyring{keys: keys, fetched: time.Now()})
	}
	s.failure = err
	s.fetches++
	if err != nil {
		s.failures++
	}
	close(s.inFlight)
	s.inFlight = nil
}

// end releases the calls that still wait. No fetch starts after it.
func (s *KeySet) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.failure = errors.New("the key set was closed")
	if s.inFlight != nil {
		close(s.inFlight)
		s.inFlight = nil
	}
}

// retryPause returns how long to wait after so many failures in a row. The pause
// doubles with each failure, up to a limit. Up to half of it is cut at random, so that
// instances that failed together don't retry together.
func retryPause(failures int, haveKeys bool) time.Duration {
	limit := maxRetryPause
	if haveKeys {
		limit = maxRetryPauseWithKeys
	}
	pause := minRetryPause
	for range failures - 1 {
		if pause *= 2; pause >= limit {
			pause = limit
			break
		}
	}
	return pause - rand.N(pause/2) //nolint:gosec // Nothing secret depends on it.
}

// fetchState is the result of the last fetch, for the log.
type fetchState int

const (
	stateUnknown fetchState = iota
	stateFetched
	stateFailing  // No key set was fetched.
	stateUnusable // A key set was fetched, but it has no usable key.
)

// stateLog writes a line when the state changes, so that an issuer that is down for a
// day costs one line.
type stateLog struct{ state fetchState }

func (l *stateLog) note(logger *slog.Logger, keys int, err error) {
	before := l.state
	switch {
	case err == nil:
		l.state = stateFetched
	case errors.Is(err, errNoUsableKey):
		l.state = stateUnusable
	default:
		l.state = stateFailing
	}
	switch {
	case l.state == before:
	case err != nil:
		logger.Warn("the issuer's keys can't be fetched", "cause", err.Error())
	case before == stateUnknown:
		logger.Info("the issuer's keys are fetched", "keys", keys)
	default:
		logger.Info("the issuer's keys are fetched again", "keys", keys)
	}
}
