package server

import (
	"log/slog"
	"sync"
	"time"
)

// connectionLogInterval is the least time between two lines about connections
// that find no place.
const connectionLogInterval = 5 * time.Second

// connectionLog says in the log that connections are short, and not for each
// of them: at once for the first one, then now and then how many there were.
type connectionLog struct {
	logger *slog.Logger
	most   int

	mu      sync.Mutex
	counts  connectionCounts // Since the last line.
	written bool             // A line was, within connectionLogInterval.
}

// connectionCounts is what a line says.
type connectionCounts struct {
	evicted, refused, failed int
	cause                    string // Of the last that failed.
}

// evicted notes an idle connection that was closed for a newcomer.
func (l *connectionLog) evicted() { l.note(func(c *connectionCounts) { c.evicted++ }) }

// refused notes a newcomer that was closed.
func (l *connectionLog) refused() { l.note(func(c *connectionCounts) { c.refused++ }) }

// failed notes that a newcomer could not be accepted, and why.
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

// again writes what was noted since the last line.
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
	attrs := []any{"max_connections", l.most, "evicted", counts.evicted, "refused", counts.refused, "failed", counts.failed}
	if counts.cause != "" {
		attrs = append(attrs, "cause", counts.cause)
	}
	l.logger.Warn("connections are short", attrs...)
	time.AfterFunc(connectionLogInterval, l.again)
}
