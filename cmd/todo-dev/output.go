package main

import (
	"bytes"
	"io"
	"sync"
)

// maxKept is how many bytes of a process's output are kept for an error.
const maxKept = 4096

// output collects the output of a process. It keeps the end of it, until passOn is
// called. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	kept []byte
	to   io.Writer // Nil as long as output is kept.
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to != nil {
		return o.to.Write(p)
	}
	o.kept = append(o.kept, p...)
	o.kept = o.kept[max(0, len(o.kept)-maxKept):]
	return len(p), nil
}

// passOn writes further output to w, and drops what was kept.
func (o *output) passOn(w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to, o.kept = w, nil
}

// tail returns the last lines of the kept output.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.kept
	if len(text) == maxKept {
		// The first line is most likely cut.
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(bytes.TrimSpace(text))
}
