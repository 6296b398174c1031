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
	// freshTime is how long a new connection has its place for sure, although
	// it has sent no request yet.
	freshTime = time.Second

	// A connection that can't be accepted, for want of file descriptors or of
	// memory, is tried again after a pause that doubles up to a second.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// connectionLimit bounds how many connections there are at once. At the bound, a
// newcomer takes the place of the connection that has been idle longest. When
// all are active, the newcomer is closed.
type connectionLimit struct {
	most int
	log  *connectionLog

	mu    sync.Mutex
	open  map[net.Conn]*connection
	fresh list.List // New ones that have sent no request yet, the oldest first.
	idle  list.List // The one that is idle longest first.
}

// connection is a connection that is open.
type connection struct {
	conn  net.Conn
	since time.Time     // Valid while it is fresh or idle.
	in    *list.List    // fresh, idle, or nil while it is active.
	place *list.Element // In that list.
}

func newConnectionLimit(most int, logger *slog.Logger) *connectionLimit {
	return &connectionLimit{
		most: most,
		log:  &connectionLog{logger: logger, most: most},
		open: make(map[net.Conn]*connection),
	}
}

// track follows a connection. It is an [http.Server.ConnState].
func (c *connectionLimit) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.open[conn]
	if one == nil {
		return // It has lost its place.
	}
	switch state {
	case http.StateNew: // As admit knows.
	case http.StateActive:
		one.leave()
	case http.StateIdle:
		one.enter(&c.idle)
	case http.StateClosed, http.StateHijacked:
		c.forget(one)
	}
}

// admit gives a new connection a place, if need be that of an idle one. It
// reports false when there is none, after it has closed the new one.
func (c *connectionLimit) admit(conn net.Conn) bool {
	c.mu.Lock()
	var evicted *connection
	full := len(c.open) >= c.most
	if full {
		evicted = c.takeIdle()
	}
	if !full || evicted != nil {
		one := &connection{conn: conn}
		c.open[conn] = one
		one.enter(&c.fresh)
	}
	c.mu.Unlock()

	switch {
	case !full:
		return true
	case evicted == nil:
		_ = conn.Close() // It is not served, whatever that says.
		c.log.refused()
		return false
	}
	_ = evicted.conn.Close()
	c.log.evicted()
	return true
}

// evict closes the connection that is idle longest, if there is one.
func (c *connectionLimit) evict() {
	c.mu.Lock()
	evicted := c.takeIdle()
	c.mu.Unlock()
	if evicted != nil {
		_ = evicted.conn.Close() // It is gone, whatever that says.
		c.log.evicted()
	}
}

// takeIdle returns the connection that is idle longest and forgets it, or nil
// when none is. One that never sent a request counts after freshTime.
func (c *connectionLimit) takeIdle() *connection {
	one := oldest(&c.idle)
	if fresh := oldest(&c.fresh); fresh != nil && time.Since(fresh.since) >= freshTime &&
		(one == nil || fresh.since.Before(one.since)) {
		one = fresh
	}
	if one != nil {
		c.forget(one)
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
	one.place = l.PushBack(one)
}

func (one *connection) leave() {
	if one.in != nil {
		one.in.Remove(one.place)
		one.in = nil
	}
}

// listener is a listener whose connections are bounded.
func (c *connectionLimit) listener(l net.Listener) net.Listener {
	return &boundedListener{Listener: l, limit: c, closed: make(chan struct{})}
}

type boundedListener struct {
	net.Listener
	limit   *connectionLimit
	closing sync.Once
	closed  chan struct{}
}

// Accept fails when the listener is closed, and not before.
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
		l.limit.log.failed(err)
		l.limit.evict() // It may be what the next one lacks.
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

// Close ends Accept, also when it pauses.
func (l *boundedListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
