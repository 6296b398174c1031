//go:build linux

package faults

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// reporter prints the rows of a run.
type reporter struct {
	out io.Writer

	mu    sync.Mutex
	seen  map[string]bool
	short int
}

// print writes a row's line.
func (r *reporter) print(name, done string, figures []string, short bool) {
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

// line prints a line that explains the row before it.
func (r *reporter) line(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.out, text)
}

// finish writes the last lines, and returns the exit code. A run of all tests has to have
// the rows of wanted.
func (r *reporter) finish(took time.Duration, wanted []string) int {
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

// row is a row of the report, written when its test has ended.
type row struct {
	t       *testing.T
	done    string
	figures []string
}

// row begins a row of a test, which is printed when the test has ended.
func (r *reporter) row(t *testing.T, name string) *row {
	t.Helper()
	begun := &row{t: t}
	t.Cleanup(func() { r.print(name, begun.done, begun.figures, t.Failed()) })
	return begun
}

// newReporter returns a reporter that prints to out.
func newReporter(out io.Writer) *reporter {
	return &reporter{out: out, seen: make(map[string]bool)}
}

// did says what was done, and how much of it.
func (r *row) did(format string, args ...any) { r.done = fmt.Sprintf(format, args...) }

// note adds a figure that has no bound.
func (r *row) note(what string, figure any) {
	r.figures = append(r.figures, fmt.Sprintf("%s %v", what, figure))
}

// none adds a number that has to be 0.
func (r *row) none(what string, count int) {
	r.t.Helper()
	atMost(r, what, count, 0)
}

// same adds a figure that has to be one value.
func same[T comparable](r *row, what string, figure, wanted T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (%v)", what, figure, wanted))
	if figure != wanted {
		r.t.Errorf("%s: %v, not %v", what, figure, wanted)
	}
}

// atMost adds a figure that has an upper bound.
func atMost[T cmp.Ordered](r *row, what string, figure, bound T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (<= %v)", what, rounded(figure), bound))
	if figure > bound {
		r.t.Errorf("%s: %v, more than %v", what, rounded(figure), bound)
	}
}

// atLeast adds a figure that has a lower bound, so that the row means
// something.
func atLeast[T cmp.Ordered](r *row, what string, figure, bound T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (>= %v)", what, rounded(figure), bound))
	if figure < bound {
		r.t.Errorf("%s: %v, less than %v", what, rounded(figure), bound)
	}
}

// rounded keeps three digits of a duration.
func rounded(figure any) any {
	d, ok := figure.(time.Duration)
	if !ok {
		return figure
	}
	unit := time.Microsecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
