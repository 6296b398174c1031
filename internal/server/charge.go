package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"connectrpc.com/connect"
)

// rateLimitError is an errRateLimited that says how long the user has to wait.
type rateLimitError struct{ wait time.Duration }

func (e *rateLimitError) Error() string { return errRateLimited.Error() }

// Is makes a rateLimitError an errRateLimited.
func (e *rateLimitError) Is(target error) bool { return target == errRateLimited }

// render returns what the caller is told.
func (e *rateLimitError) render() *connect.Error {
	seconds := max(1, int(math.Ceil(e.wait.Seconds())))
	rendered := connect.NewError(connect.CodeResourceExhausted, fmt.Errorf("too many requests; try again in %d s", seconds))
	addRetry(rendered, time.Duration(seconds)*time.Second)
	return rendered
}

// Charge has a call count as so many for the rate limit, of which it was one already. It
// fails when the caller has to wait, and counts nothing then. A call may count as 100.
func Charge(ctx context.Context, calls int) error { return stateOf(ctx).charge(calls, calls) }

// WaitForPage is called by the handler of a stream after each page that it read, before
// it reads another one. It waits until all of the user's streams together have read no
// more pages than the user may make calls. The pages have buckets of their own: with one
// for both, a user's first sync would have their other calls refused until it is done.
// It fails with the context's error.
func WaitForPage(ctx context.Context) error {
	state := stateOf(ctx)
	if state.pages == nil {
		return nil
	}
	return state.pages.wait(ctx, state.user)
}

// charge has an admitted call count as so many, if it counts as less. A caller who has to
// wait is told when the call may count as most.
func (s *requestState) charge(calls, most int) error {
	if s.limiter == nil || calls <= s.charged {
		return nil
	}
	if err := s.limiter.allowMore(s.user, calls-s.charged, most); err != nil {
		return err
	}
	s.charged = calls
	return nil
}

// chargeBytes has a call count as one for each maxMessageBytes of its body, where it may
// have more than one: they take as long to decode as those of so many calls.
func (s *requestState) chargeBytes(read int64) error {
	if s.messageBytes <= maxMessageBytes {
		return nil
	}
	const unit = maxMessageBytes
	err := s.charge(int((read+unit-1)/unit), int((s.messageBytes+unit-1)/unit))
	if limited, ok := errors.AsType[*rateLimitError](err); ok {
		return limited.render() // Connect passes it on as it is.
	}
	return err
}
