// Package watch has clients follow the changes of their todos. Its [Hub] knows who
// watches whose todos in this process, and wakes them: at once when a change is made in
// this process, within about a second, by a poll, when it is made in another. A [Feed]
// reads the changes for one client.
//
// To be woken is only a hint. A feed reads on from where it is, so one that is woken in
// vain reads nothing, and one that is not woken is late, and misses nothing.
package watch

import (
	"context"
	"log/slog"
	"sync"

	"example.com/todo-backend/internal/todo"
)

// Config says how a [Hub] watches. All fields are required.
type Config struct {
	// Heads returns how far the accounts of owners are. Owners without an account are
	// left out.
	Heads func(ctx context.Context, owners []todo.UserID) (map[todo.UserID]todo.Head, error)
	// MaxPerUser and Max bound the feeds that are open at once, of one user and of all.
	MaxPerUser, Max int
	Logger          *slog.Logger
}

// Hub wakes those who watch. It is safe for concurrent use.
type Hub struct {
	config Config
	begun  chan struct{} // Has an element when there may be somebody to poll for.
	reads  chan struct{} // Has an element for each feed that reads.
	stop   context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	watchers map[todo.UserID][]*watcher
	open     int
	polls    int64
	failures int64
}

var _ todo.Listener = (*Hub)(nil)

// NewHub returns a hub, which has to be closed.
func NewHub(config Config) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{
		config: config, begun: make(chan struct{}, 1), reads: make(chan struct{}, maxReads), stop: stop, done: make(chan struct{}),
		watchers: make(map[todo.UserID][]*watcher),
	}
	go h.run(ctx)
	return h
}

// Close stops the poll. Feeds that are open are woken no more by changes that other
// processes make.
func (h *Hub) Close() {
	h.stop()
	<-h.done
}

// watcher is one who watches.
type watcher struct {
	// dirty is the only thing that is kept for a watcher who is busy: it has an element
	// when there may be changes.
	dirty chan struct{}

	// Guarded by the hub's mutex.
	seen       todo.Head // How far the watcher has read.
	isCaughtUp bool      // It has read everything up to there.
}

// wake has the watcher read. It does not block.
func (w *watcher) wake() {
	select {
	case w.dirty <- struct{}{}:
	default: // It will read anyway.
	}
}

// clear is called before the watcher reads. What changes afterwards wakes it again.
func (w *watcher) clear() {
	select {
	case <-w.dirty:
	default:
	}
}

// Changed implements [todo.Listener]: it wakes those in this process who watch an
// owner's todos.
func (h *Hub) Changed(owner todo.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watchers[owner] {
		w.wake()
	}
}

// add adds a watcher. It fails with a [LimitError].
func (h *Hub) add(owner todo.UserID, w *watcher) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(h.watchers[owner]) >= h.config.MaxPerUser:
		return ErrUserLimit
	case h.open >= h.config.Max:
		return ErrLimit
	}
	h.watchers[owner] = append(h.watchers[owner], w)
	h.open++
	select {
	case h.begun <- struct{}{}:
	default:
	}
	return nil
}

// remove removes a watcher.
func (h *Hub) remove(owner todo.UserID, gone *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.watchers[owner]
	for i, w := range all {
		if w != gone {
			continue
		}
		last := len(all) - 1
		all[i], all[last] = all[last], nil
		h.open--
		if h.watchers[owner] = all[:last]; last == 0 {
			delete(h.watchers, owner)
		}
		return
	}
}

// note notes how far a watcher has read.
func (h *Hub) note(w *watcher, seen todo.Head, isCaughtUp bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.seen, w.isCaughtUp = seen, isCaughtUp
}

// Stats is what a hub does at the moment, and what it has done, for metrics.
type Stats struct {
	Open, Limit  int // Feeds.
	Users        int // Whose todos are watched.
	Polls        int64
	PollFailures int64
}

// Stats returns the hub's statistics.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{Open: h.open, Limit: h.config.Max, Users: len(h.watchers), Polls: h.polls, PollFailures: h.failures}
}

// LimitError means that too many feeds are open.
type LimitError struct{ reason, text string }

var (
	// ErrUserLimit means that the user has as many feeds open as one user may have.
	ErrUserLimit error = &LimitError{"too_many_watches", "watch: the user has too many feeds open"}
	// ErrLimit means that as many feeds are open as there may be.
	ErrLimit error = &LimitError{"watches_full", "watch: too many feeds are open"}
)

// Error implements the error interface.
func (e *LimitError) Error() string { return e.text }

// LogValue implements [slog.LogValuer].
func (e *LimitError) LogValue() slog.Value { return slog.GroupValue(slog.String("reason", e.reason)) }
