package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logBufferBytes bounds the lines that wait to be written, about 4,000. While
	// they are written, as many more can be buffered.
	logBufferBytes = 1 << 20
	// logRetryPause is the pause after a failed write, for instance when the disk is
	// full or the reader has died.
	logRetryPause = 100 * time.Millisecond
	// logFlushTimeout bounds how long the process waits for the log's reader before
	// it exits.
	logFlushTimeout = time.Second
)

// logWriter writes lines in the background, so that a slow reader blocks no caller.
// Lines that come during a write are buffered for the next one. Lines beyond
// logBufferBytes are dropped, and a line in their place says how many.
type logWriter struct {
	out     io.Writer
	wake    chan struct{} // Has one element when there may be something to write.
	closing chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	gathered []byte
	dropped  int   // Lines dropped after the gathered ones.
	lost     int64 // All lines that were dropped.
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

// Write takes a whole line. It never blocks and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	if len(w.gathered)+len(line) <= logBufferBytes {
		w.gathered = append(w.gathered, line...)
	} else {
		w.dropped++
		w.lost++
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// linesLost returns how many lines were dropped.
func (w *logWriter) linesLost() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// close returns when all lines are written, or after logFlushTimeout. A write that
// still blocks then ends with the process.
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
	var written []byte // Its array is reused.
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

// take returns the gathered lines. Further lines are gathered in empty.
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

// write writes lines, and retries until they are written. When a write fails while the
// process ends, it gives up and returns false.
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

// droppedLine returns a line that says how many lines are missing, at any log level.
func droppedLine(lines int) []byte {
	var line bytes.Buffer
	newLogger(&line, logLevel(slog.LevelWarn)).Warn("log lines dropped", "lines", lines)
	return line.Bytes()
}
