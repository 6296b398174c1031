package server

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// freshTime is how long a new connection without a request is kept, even
	// when others need its place.
	freshTime = time.Second

	// When accepting fails, for lack of file descriptors or memory, it is tried
	// again after a pause that doubles up to a second.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// connectionLimit bounds the number of open connections. At the bound, a new
// connection replaces the one that has been idle longest. When all are active, the
// new one is closed.
type connectionLimit struct {
	limit int
	log   *connectionLog

	mu    sync.Mutex
	open  map[net.Conn]*connection
	fresh list.List // Without a request yet, the oldest first.
	idle  list.List // The longest idle first.

	totals ConnectionStats // Only the counts of it.
}

// connection is an open connection.
type connection struct {
	conn  net.Conn
	since time.Time     // Valid while it is fresh or idle.
	in    *list.List    // fresh, idle, or nil while it is active.
	elem  *list.Element // In that list.
}

func newConnectionLimit(limit int, logger *slog.Logger) *connectionLimit {
	return &connectionLimit{
		limit: limit,
		log:   &connectionLog{logger: logger, limit: limit},
		open:  make(map[net.Conn]*connection),
	}
}

// track follows the state of a connection. It is an [http.Server.ConnState].
func (c *connectionLimit) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.open[conn]
	if one == nil {
		return // It was evicted.
	}
	switch state {
	case http.StateNew: // Known since admit.
	case http.StateActive:
		one.leave()
	case http.StateIdle:
		one.enter(&c.idle)
	case http.StateClosed, http.StateHijacked:
		c.forget(one)
	}
}

// admit counts a new connection, and evicts an idle one if need be. When none is
// idle, it closes the new one and reports false.
func (c *connectionLimit) admit(conn net.Conn) bool {
	c.mu.Lock()
	var evicted *connection
	full := len(c.open) >= c.limit
	if full {
		evicted = c.takeIdle()
	}
	if !full || evicted != nil {
		one := &connection{conn: conn}
		c.open[conn] = one
		one.enter(&c.fresh)
		c.totals.Accepted++
	} else {
		c.totals.Refused++
	}
	c.mu.Unlock()

	switch {
	case !full:
		return true
	case evicted == nil:
		_ = conn.Close() // An error changes nothing.
		c.log.refused()
		return false
	}
	_ = evicted.conn.Close()
	c.log.evicted()
	return true
}

// fail counts a connection that could not be accepted. It closes the one that has been
// idle longest, if there is one, to free a file descriptor.
func (c *connectionLimit) fail(err error) {
	c.log.failed(err)
	c.mu.Lock()
	c.totals.Failed++
	evicted := c.takeIdle()
	c.mu.Unlock()
	if evicted != nil {
		_ = evicted.conn.Close() // An error changes nothing.
		c.log.evicted()
	}
}

// takeIdle removes and returns the connection that has been idle longest, or nil.
// One without a request counts as idle after freshTime.
func (c *connectionLimit) takeIdle() *connection {
	one := oldest(&c.idle)
	if fresh := oldest(&c.fresh); fresh != nil && time.Since(fresh.since) >= freshTime &&
		(one == nil || fresh.since.Before(one.since)) {
		one = fresh
	}
	if one != nil {
		c.forget(one)
		c.totals.Evicted++
	}
	return one
}

func (c *connectionLimit) forget(one *connection) {
	one.leave()
	delete(c.open, one.conn)
}

func oldest(l *list.List) *connection {
	if l.Len() == 0 {
		return nil
	}
	one, _ := l.Front().Value.(*connection)
	return one
}

func (one *connection) enter(l *list.List) {
	one.leave()
	one.since, one.in = time.Now(), l
	one.elem = l.PushBack(one)
}

func (one *connection) leave() {
	if one.in != nil {
		one.in.Remove(one.elem)
		one.in = nil
	}
}

// listener wraps a listener so that the number of its connections is bounded.
func (c *connectionLimit) listener(l net.Listener) net.Listener {
	return &boundedListener{Listener: l, limit: c, closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	limit   *connectionLimit
	closing sync.Once
	closed  chan struct{}
}

// Accept implements [net.Listener]. It fails only when the listener is closed.
func (l *boundedListener) Accept() (net.Conn, error) {
	for pause := minAcceptPause; ; {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			if l.limit.admit(conn) {
				return conn, nil
			}
			pause = minAcceptPause
			continue
		case errors.Is(err, net.ErrClosed):
			return nil, err
		}
		l.limit.fail(err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.closed:
			timer.Stop()
			return nil, net.ErrClosed
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

// Close implements [net.Listener]. It ends Accept, also during a pause.
func (l *boundedListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
