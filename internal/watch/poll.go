package watch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"example.com/todo-backend/internal/todo"
)

const (
	// pollInterval is how often changes of other processes are looked for.
	pollInterval = time.Second
	// pollJitter is the part of the interval by which a poll may come earlier or later, so
	// that processes which were started together don't poll together.
	pollJitter = 0.1
	// maxPollInterval is how often it is tried while polls fail.
	maxPollInterval = 5 * time.Second
	// pollTimeout bounds a poll. One that takes longer than an interval is late anyway.
	pollTimeout = 5 * time.Second
	// pollOwners is how many accounts one statement of a poll reads. It takes about a
	// millisecond for a thousand, which no other statement notices.
	pollOwners = 1000
)

// run polls once per interval while somebody watches, until ctx ends.
func (h *Hub) run(ctx context.Context) {
	defer close(h.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	interval, isFailing := pollInterval, false
	for {
		if !h.isWatched() {
			select {
			case <-ctx.Done():
				return
			case <-h.begun:
			}
		}
		timer.Reset(time.Duration(float64(interval) * (1 + pollJitter*(2*rand.Float64()-1)))) //nolint:gosec // Not a secret.
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := h.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !isFailing:
			h.config.Logger.WarnContext(ctx, "changes of other processes are late: the poll fails", "cause", err.Error())
		case err == nil && isFailing:
			h.config.Logger.InfoContext(ctx, "the poll for changes of other processes works again")
		}
		if isFailing = err != nil; isFailing {
			interval = min(2*interval, maxPollInterval)
		} else {
			interval = pollInterval
		}
	}
}

func (h *Hub) isWatched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open > 0
}

// poll reads how far the watched accounts are, and wakes those who are not as far. When
// it fails, some may have been woken.
func (h *Hub) poll(ctx context.Context) (err error) {
	defer func() {
		if value := recover(); value != nil { // It would end the process.
			err = fmt.Errorf("watch: poll: panic: %v\n%s", value, debug.Stack())
		}
		h.count(err)
	}()
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	for owners := range slices.Chunk(h.watched(), pollOwners) {
		heads, err := h.config.Heads(ctx, owners)
		if err != nil {
			return fmt.Errorf("watch: poll: %w", err)
		}
		h.compare(owners, heads)
	}
	return nil
}

func (h *Hub) count(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polls++
	if err != nil {
		h.failures++
	}
}

// watched returns whose todos are watched, in any order. So a statement that fails each
// time is not always the same owners'.
func (h *Hub) watched() []todo.UserID {
	h.mu.Lock()
	defer h.mu.Unlock()
	owners := make([]todo.UserID, 0, len(h.watchers))
	for owner := range h.watchers {
		owners = append(owners, owner)
	}
	return owners
}

// compare wakes the watchers of owners who have not read up to their heads, and no more.
//
// A watcher may have read further since the heads were. It is woken in vain then, which
// costs one read; but one that is too far for another reason, as after a restore, must
// be woken.
func (h *Hub) compare(owners []todo.UserID, heads map[todo.UserID]todo.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, owner := range owners {
		head := heads[owner]
		for _, w := range h.watchers[owner] {
			if !w.isCaughtUp || w.seen != head {
				w.wake()
			}
		}
	}
}
