//go:build linux

package syncload

import (
	"sync"
	"time"
)

// calls are those that are under way.
type calls struct {
	mu    sync.Mutex
	next  int
	began map[int]time.Time
}

// begin notes a call, which is under way until end is called.
func (c *calls) begin() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began == nil {
		c.began = make(map[int]time.Time)
	}
	n := c.next
	c.next++
	c.began[n] = time.Now()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.began, n)
	}
}

// waiting reports whether a call that began before then is under way.
func (c *calls) waiting(then time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, began := range c.began {
		if began.Before(then) {
			return true
		}
	}
	return false
}

// AwaitCalls waits until the calls that are under way have been answered, and the streams
// that are being opened have had a message.
func (s *Run) AwaitCalls() {
	for now := time.Now(); s.underWay.waiting(now) && !s.Failed(); {
		time.Sleep(time.Millisecond) // Each call has its own bound.
	}
}
