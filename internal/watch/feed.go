package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/todo-backend/internal/todo"
)

const (
	// heartbeat is after how long without a change a feed has a sign of life. Proxies
	// close connections on which nothing comes for a minute, some for 30 seconds.
	heartbeat = 20 * time.Second
	// readTimeout bounds the read of a page, as a call's time.
	readTimeout = 10 * time.Second
	// maxReads bounds the feeds of a process that read at once. Thousands are woken
	// together, or come back together, after a restore or when another process drains.
	// Without a bound they would fill the queue of reads (1000 statements), and calls
	// would be refused. So many make full batches: 10,000 pages take a second or so.
	maxReads = 32
	// giveUpAfter is how long a feed that has begun goes on while reads fail, up to
	// giveUpSpread longer. A database that restarts or fails over is back before. The
	// spread keeps thousands of streams from ending at once.
	giveUpAfter  = 30 * time.Second
	giveUpSpread = 10 * time.Second
)

// Reader reads a page of changes. [todo.Service.Changes] is one.
type Reader func(ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error)

// Feed reads the changes of an owner's todos for one client. It queues nothing: whatever
// happens between two calls, the next one reads on from the position of the last page.
// One goroutine at a time may use it.
type Feed struct {
	hub   *Hub
	owner todo.UserID
	read  Reader
	size  int

	watcher  watcher
	after    *todo.SyncPosition // Points to position; nil before the first page.
	position todo.SyncPosition
	hasMore  bool

	failure error     // Of the last read; nil while reads succeed.
	giveUp  time.Time // When the feed fails with it.
	timer   *time.Timer
}

// Open opens a feed that begins after a position; nil begins with the first todo. It has
// to be closed. Open fails with [ErrUserLimit] or [ErrLimit].
func (h *Hub) Open(owner todo.UserID, after *todo.SyncPosition, size int, read Reader) (*Feed, error) {
	f := &Feed{hub: h, owner: owner, read: read, size: size, watcher: watcher{dirty: make(chan struct{}, 1)}}
	if after != nil {
		f.position = *after
		f.after = &f.position
	}
	if err := h.add(owner, &f.watcher); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the feed.
func (f *Feed) Close() { f.hub.remove(f.owner, &f.watcher) }

// First returns the first page, at once. It fails with the reader's errors.
func (f *Feed) First(ctx context.Context) (todo.Changes, error) { return f.readOn(ctx) }

// Next returns the page after the last one. When there are no further changes, it waits
// for one. After 20 seconds it returns a page without todos.
//
// It fails with the context's error and those of the reader. While the store is
// unavailable it tries again, for half a minute.
func (f *Feed) Next(ctx context.Context) (todo.Changes, error) {
	return f.next(ctx, heartbeat, nil)
}

// Wait is Next for a client that waits as long as it chooses, and no longer than until
// done is closed.
func (f *Feed) Wait(ctx context.Context, wait time.Duration, done <-chan struct{}) (todo.Changes, error) {
	return f.next(ctx, wait, done)
}

func (f *Feed) next(ctx context.Context, wait time.Duration, done <-chan struct{}) (todo.Changes, error) {
	deadline := time.Now().Add(wait)
	isDue := f.hasMore && f.failure == nil
	for {
		if !isDue {
			f.setTimer(deadline)
			select {
			case <-ctx.Done():
				return todo.Changes{}, ctx.Err()
			case <-f.watcher.dirty:
			case <-done:
				return f.nothing(), nil
			case <-f.timer.C:
				if f.failure != nil && !time.Now().Before(f.giveUp) {
					return todo.Changes{}, f.failure
				}
				return f.nothing(), nil
			}
		}
		isDue = false
		page, err := f.readOn(ctx)
		switch {
		case err != nil:
			if !f.retries(ctx, err) {
				return todo.Changes{}, err
			}
		case len(page.Todos) > 0 || page.HasMore || page.IsReset:
			return page, nil
		}
	}
}

// nothing returns a page without todos.
func (f *Feed) nothing() todo.Changes { return todo.Changes{Next: f.position, HasMore: f.hasMore} }

// setTimer sets the timer for a deadline, or, while reads fail, for the end of the retries
// if that is earlier.
func (f *Feed) setTimer(at time.Time) {
	if f.failure != nil && f.giveUp.Before(at) {
		at = f.giveUp
	}
	if f.timer == nil {
		f.timer = time.NewTimer(time.Until(at))
		return
	}
	f.timer.Reset(time.Until(at))
}

// readOn reads the page after the last one, as soon as the hub lets it. It fails with
// [todo.ErrUnavailable] when that takes longer than readTimeout.
func (f *Feed) readOn(ctx context.Context) (todo.Changes, error) {
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	page, err := f.readPage(reading)
	if err != nil {
		f.hub.note(&f.watcher, todo.Head{}, false) // So that the next poll wakes it.
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", todo.ErrUnavailable, err)
		}
		return todo.Changes{}, err
	}
	f.failure = nil
	f.position, f.hasMore = page.Next, page.HasMore
	f.after = &f.position
	f.hub.note(&f.watcher, todo.Head{Epoch: page.Next.Epoch, Revision: page.Next.Revision}, !page.HasMore)
	return page, nil
}

// readPage reads when fewer than maxReads others do.
func (f *Feed) readPage(ctx context.Context) (todo.Changes, error) {
	select {
	case f.hub.reads <- struct{}{}:
	case <-ctx.Done():
		return todo.Changes{}, ctx.Err()
	}
	defer func() { <-f.hub.reads }()
	f.watcher.clear()
	return f.read(ctx, f.owner, f.after, f.size)
}

// retries reports whether a feed that could not read waits for the next poll that
// succeeds, to read again. Otherwise it fails.
func (f *Feed) retries(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !errors.Is(err, todo.ErrUnavailable) {
		return false
	}
	if f.failure == nil {
		f.giveUp = time.Now().Add(giveUpAfter + rand.N(giveUpSpread)) //nolint:gosec // Not a secret.
	}
	f.failure = err
	return time.Now().Before(f.giveUp)
}
