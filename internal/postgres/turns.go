package postgres

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"example.com/todo-backend/internal/todo"
)

// turns leaves connections to others when one owner writes a lot. Writes of the
// same todo wait for each other in the database, each on a connection: an owner
// who writes one often enough, within any rate, would have them all. So half of
// the connections at most are taken by the writes of one owner; further ones wait
// here.
type turns struct {
	conns int // That one owner's writes may have.
	queue *queue

	mu    sync.Mutex
	lines map[todo.UserID]*line // Of the owners who write now.
}

// line is the writes of one owner.
type line struct {
	conns *semaphore.Weighted
	calls int // That have a connection, or wait for their turn.
}

func newTurns(maxConns int, queue *queue) *turns {
	return &turns{conns: max(1, maxConns/2), queue: queue, lines: make(map[todo.UserID]*line)}
}

// take waits until a call may ask for a connection to write an owner's todos. It
// fails when the context ends before, and with errOverloaded when the call would
// wait in vain. Otherwise pass has to follow.
func (t *turns) take(ctx context.Context, owner todo.UserID) (pass func(), err error) {
	mine, waiting := t.enter(owner)
	if mine == nil {
		return nil, t.queue.shed(ctx, waiting)
	}
	if err := mine.conns.Acquire(ctx, 1); err != nil {
		t.leave(owner, mine)
		return nil, context.Cause(ctx)
	}
	return func() {
		mine.conns.Release(1)
		t.leave(owner, mine)
	}, nil
}

// full reports whether a call would have to wait for its turn.
func (t *turns) full(owner todo.UserID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.lines[owner]
	return mine != nil && mine.calls >= t.conns
}

// enter counts a call in its owner's line, which is nil when it has to be refused
// behind so many that wait.
func (t *turns) enter(owner todo.UserID) (mine *line, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine = t.lines[owner]
	if mine == nil {
		mine = &line{conns: semaphore.NewWeighted(int64(t.conns))}
	}
	waiting, refused := t.queue.checkLine(mine.calls, t.conns)
	if refused {
		return nil, waiting
	}
	mine.calls++
	t.lines[owner] = mine
	return mine, waiting
}

func (t *turns) leave(owner todo.UserID, mine *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.calls--
	if mine.calls == 0 {
		delete(t.lines, owner)
	}
}
