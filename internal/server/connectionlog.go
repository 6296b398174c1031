package server

import (
	"log/slog"
	"sync"
	"time"
)

// connectionLogInterval is the least time between two log lines about evicted,
// refused and failed connections.
const connectionLogInterval = 5 * time.Second

// connectionLog logs that connections are short: the first case at once, further
// ones as a count every connectionLogInterval.
type connectionLog struct {
	logger *slog.Logger
	limit  int

	mu      sync.Mutex
	counts  connectionCounts // Since the last line.
	written bool             // There was a line within connectionLogInterval.
}

// connectionCounts is the content of a line.
type connectionCounts struct {
	evicted, refused, failed int
	cause                    string // Of the last failure.
}

// evicted counts an idle connection that was closed for a new one.
func (l *connectionLog) evicted() { l.note(func(c *connectionCounts) { c.evicted++ }) }

// refused counts a new connection that was closed.
func (l *connectionLog) refused() { l.note(func(c *connectionCounts) { c.refused++ }) }

// failed counts a connection that could not be accepted.
func (l *connectionLog) failed(cause error) {
	l.note(func(c *connectionCounts) {
		c.failed++
		c.cause = cause.Error()
	})
}

func (l *connectionLog) note(count func(*connectionCounts)) {
	l.mu.Lock()
	count(&l.counts)
	if l.written {
		l.mu.Unlock()
		return
	}
	l.written = true
	counts := l.take()
	l.mu.Unlock()
	l.write(counts)
}

// again writes what was counted since the last line.
func (l *connectionLog) again() {
	l.mu.Lock()
	if l.counts == (connectionCounts{}) {
		l.written = false
		l.mu.Unlock()
		return
	}
	counts := l.take()
	l.mu.Unlock()
	l.write(counts)
}

func (l *connectionLog) take() connectionCounts {
	counts := l.counts
	l.counts = connectionCounts{}
	return counts
}

func (l *connectionLog) write(counts connectionCounts) {
	attrs := []any{"max_connections", l.limit, "evicted", counts.evicted, "refused", counts.refused, "failed", counts.failed}
	if counts.cause != "" {
		attrs = append(attrs, "cause", counts.cause)
	}
	l.logger.Warn("connections are short", attrs...)
	time.AfterFunc(connectionLogInterval, l.again)
}
