package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logBufferBytes bounds the lines that wait to be written: about 4,000 of
	// them. While they are written, as many again may gather.
	logBufferBytes = 1 << 20
	// logRetryPause is how long a write that failed waits to be tried again:
	// the disk was full, or the reader has died.
	logRetryPause = 100 * time.Millisecond
	// logFlushTimeout bounds how long the end of the process waits for the
	// log's reader.
	logFlushTimeout = time.Second
)

// logWriter writes lines in the background, so that whoever reads them holds up
// nobody. What gathers while a write is under way goes out in the next one. Lines
// beyond logBufferBytes are dropped; where they are missing, a line says how many.
type logWriter struct {
	out     io.Writer
	wake    chan struct{} // Holds one when there may be something to write.
	closing chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	gathered []byte
	dropped  int // Lines, after those that are gathered.
}

// newLogWriter returns a logWriter, which must be closed.
func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{
		out:     out,
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go w.run()
	return w
}

// Write takes a line, which is to be whole. It never waits and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	if len(w.gathered)+len(line) <= logBufferBytes {
		w.gathered = append(w.gathered, line...)
	} else {
		w.dropped++
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// close returns when all lines are written, at the latest after logFlushTimeout.
// A write that is stuck then ends with the process.
func (w *logWriter) close() {
	close(w.closing)
	timeout := time.NewTimer(logFlushTimeout)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-timeout.C:
	}
}

func (w *logWriter) run() {
	defer close(w.done)
	var written []byte // Its array gathers again.
	for {
		closing := false
		select {
		case <-w.wake:
		case <-w.closing:
			closing = true
		}
		lines := w.take(written[:0])
		if closing && len(lines) == 0 {
			return
		}
		if !w.write(lines) {
			return
		}
		written = lines
	}
}

// take returns what has gathered, and has further lines gather in empty.
func (w *logWriter) take(empty []byte) []byte {
	w.mu.Lock()
	lines, dropped := w.gathered, w.dropped
	w.gathered, w.dropped = empty, 0
	w.mu.Unlock()
	if dropped > 0 {
		lines = append(lines, droppedLine(dropped)...)
	}
	return lines
}

// write writes lines, again and again until they are written. It gives up, and
// returns false, when that fails while the process ends.
func (w *logWriter) write(lines []byte) bool {
	for len(lines) > 0 {
		n, err := w.out.Write(lines)
		lines = lines[n:]
		if err == nil {
			continue
		}
		pause := time.NewTimer(logRetryPause)
		select {
		case <-pause.C:
		case <-w.closing:
			pause.Stop()
			return false
		}
	}
	return true
}

// droppedLine says that lines are missing, whatever the level that is logged.
func droppedLine(lines int) []byte {
	var line bytes.Buffer
	newLogger(&line, logLevel(slog.LevelWarn)).Warn("log lines dropped", "lines", lines)
	return line.Bytes()
}
