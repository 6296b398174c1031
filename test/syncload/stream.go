//go:build linux

package syncload

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// maxSilence is more than a stream is ever silent: it says something every 20 s.
const maxSilence = 45 * time.Second

// stream is a stream of changes, in either form.
type stream interface {
	Receive() bool
	Msg() *todov1.WatchTodosResponse
	Err() error
	Close() error
}

// open opens a stream after the reader's token.
func (r *reader) open(ctx context.Context) (stream, error) {
	if r.habits.Events {
		return r.any().events(ctx, r.Issuer.Bearer(r.journal.user), r.token)
	}
	return r.any().WatchTodos(r.as(ctx, r.journal.user), &todov1.WatchTodosRequest{SyncToken: r.token})
}

// watch reads a stream until that ends, or the reader leaves it.
func (r *reader) watch(ctx context.Context) (isAtEnd bool, err error) {
	streaming, leave := context.WithCancel(ctx)
	defer leave()
	// What was acknowledged before the stream began is in its pages up to the first end.
	before, grown, isEnded := r.journal.since(r.checked)
	silence := time.AfterFunc(maxSilence, func() {
		r.Fault("a stream of %s was silent for %v", r, maxSilence)
		leave()
	})
	defer silence.Stop()
	opened := sync.OnceFunc(r.underWay.begin())
	defer opened()
	stream, err := r.open(streaming)
	if err != nil {
		r.failures++
		return false, err
	}
	defer func() { _ = stream.Close() }() // It ends by its context.
	if !isEnded {
		go r.leaveAtEnd(streaming, leave)
	}
	begun, hasAll := false, false
	for stream.Receive() {
		silence.Reset(maxSilence)
		if !begun {
			begun = true
			opened()
			r.hasStream()
		}
		page := stream.Msg()
		r.take(page)
		if hasAll {
			r.noteDelays(page)
		}
		if page.GetHasMore() {
			continue
		}
		hasAll = true
		if before != nil {
			r.check(before)
			before = nil
		}
		switch {
		case isEnded:
			return true, nil
		case r.habits.Away > 0:
			leave()
			silence.Stop()
			r.rest(ctx, grown)
			return false, nil
		case r.habits.Restart > 0 && rand.IntN(r.habits.Restart) == 0:
			r.begin()
			return false, nil
		}
	}
	if streaming.Err() != nil && ctx.Err() == nil { // The reader has left it.
		return false, nil
	}
	if begun {
		r.ended++
		r.since = time.Now()
	} else {
		r.failures++
	}
	return false, stream.Err()
}

// leaveAtEnd ends a stream when nothing will be written any more: a reader who waits for
// changes does not notice. It comes again, for the rest.
func (r *reader) leaveAtEnd(streaming context.Context, leave func()) {
	select {
	case <-streaming.Done():
	case <-r.written:
		leave()
	}
}

// noteDelays notes how long the changes of a page took.
func (r *reader) noteDelays(p page) {
	for _, changed := range p.GetTodos() {
		r.delays = append(r.delays, time.Since(changed.GetUpdatedAt().AsTime()))
	}
}

// hasStream notes that a stream has begun, and how long the reader was without one.
func (r *reader) hasStream() {
	if !r.since.IsZero() {
		r.without = append(r.without, time.Since(r.since))
		r.since = time.Time{}
	}
}
