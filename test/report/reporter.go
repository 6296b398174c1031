// Package report prints what a run of tests found out: a row for each thing that was done,
// with its figures and their bounds. A row that misses a bound is short, and then the run
// fails.
package report

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// Reporter prints the rows of a run.
type Reporter struct {
	out io.Writer

	mu    sync.Mutex
	seen  map[string]bool
	short int
}

// New returns a reporter that prints to out.
func New(out io.Writer) *Reporter {
	return &Reporter{out: out, seen: make(map[string]bool)}
}

// Print writes a row's line.
func (r *Reporter) Print(name, done string, figures []string, short bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := "ok   "
	if short {
		result = "SHORT"
		r.short++
	}
	r.seen[name] = true
	fmt.Fprintf(r.out, "%s  %-44s  %s: %s\n", result, name, done, strings.Join(figures, "; "))
}

// Line prints a line that explains the row before it.
func (r *Reporter) Line(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.out, text)
}

// Finish writes the last lines, and returns the exit code. A run of all tests has to have
// the rows of wanted.
func (r *Reporter) Finish(took time.Duration, wanted []string) int {
	missing := 0
	for _, name := range wanted {
		if !r.seen[name] && flag.Lookup("test.run").Value.String() == "" {
			fmt.Fprintln(r.out, "MISS ", name)
			missing++
		}
	}
	fmt.Fprintf(r.out, "%d rows, %d short, %d missing, in %v\n", len(r.seen), r.short, missing, took.Round(time.Second))
	return min(1, r.short+missing)
}

// Row begins a row of a test, which is printed when the test has ended.
func (r *Reporter) Row(t *testing.T, name string) *Row {
	t.Helper()
	begun := &Row{T: t}
	t.Cleanup(func() { r.Print(name, begun.done, begun.figures, t.Failed()) })
	return begun
}
