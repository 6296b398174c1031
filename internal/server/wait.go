package server

import (
	"context"
	"time"
)

// WithWait returns a context for a call that may wait for something before it answers: a
// long poll. The call may wait for as long as granted. That is less than the wait if the
// caller's credentials expire before. The context's deadline is the call's own, later by
// as much. A caller's deadline that is earlier than the call's own stays as it is. The
// call counts as a stream in the log and for the observer, since the time that it takes
// says nothing of the service.
//
// Cancel has to be called when the call has what it answers.
func WithWait(ctx context.Context, wait time.Duration) (_ context.Context, granted time.Duration, cancel context.CancelFunc) {
	state := stateOf(ctx)
	state.waited = true
	if !state.expires.IsZero() {
		wait = max(0, min(wait, time.Until(state.expires)))
	}
	if deadline, ok := ctx.Deadline(); !ok || state.request == nil || deadline.Before(state.deadline) {
		ctx, cancel = context.WithCancel(ctx)
		return ctx, wait, cancel
	}
	// ctx ends too early, so only its values stay.
	waiting, end := context.WithDeadline(context.WithoutCancel(ctx), state.deadline.Add(wait))
	stop := afterFunc(state.request, end) // When the caller leaves.
	state.response.setDeadline(time.Now().Add(wait + writeTimeout))
	return waiting, wait, func() {
		stop()
		end()
	}
}

// Ending returns what is closed when the server drains, and calls that wait have to
// answer. Outside of a call it is nil.
func Ending(ctx context.Context) <-chan struct{} {
	ending := stateOf(ctx).ending
	if ending == nil {
		return nil
	}
	return ending.Done()
}

// endWait notes for the log why a call ended that waited.
func (s *requestState) endWait(err error) {
	switch {
	case !s.waited:
	case err == nil && s.ending != nil && s.ending.Err() != nil:
		s.ended = endDrain
	case err == nil:
		s.ended = endDone
	case s.request != nil && s.request.Err() != nil, isCallersFault(err), s.expected:
		s.ended = endCaller
	default:
		s.ended = endError
	}
}
