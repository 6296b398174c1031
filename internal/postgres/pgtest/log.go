package pgtest

import (
	"bytes"
	"log/slog"
	"sync"
)

// Log keeps what a logger writes, for a test to look at meanwhile.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Logger returns a logger that writes JSON to the log, lines of all levels.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String returns what has been written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
