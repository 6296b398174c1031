package report

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Row is a row of the report, written when its test has ended.
type Row struct {
	T       *testing.T
	done    string
	figures []string
	again   bool // Another try follows when a figure misses its bound.
	missed  bool // One has.
}

// tries is how often [Row.Try] measures at most.
const tries = 3

// Try adds the figures that measure adds to the row that it is given. When one of them
// misses its bound, all are measured anew, up to three times, and the last ones count:
// what else the machine is busy with is nobody's fault. Figures that no load excuses are
// not for measure.
func (r *Row) Try(measure func(try *Row)) {
	r.T.Helper()
	for n := 1; ; n++ {
		try := &Row{T: r.T, again: n < tries}
		measure(try)
		if try.again && try.missed {
			r.T.Logf("try %d: %s", n, strings.Join(try.figures, "; "))
			continue
		}
		r.figures = append(r.figures, try.figures...)
		if n > 1 {
			r.Note("at try", n)
		}
		return
	}
}

// miss says that a figure misses its bound.
func (r *Row) miss(format string, args ...any) {
	r.T.Helper()
	r.missed = true
	if !r.again {
		r.T.Errorf(format, args...)
	}
}

// Did says what was done, and how much of it.
func (r *Row) Did(format string, args ...any) { r.done = fmt.Sprintf(format, args...) }

// Note adds a figure that has no bound.
func (r *Row) Note(what string, figure any) {
	r.figures = append(r.figures, fmt.Sprintf("%s %v", what, figure))
}

// None adds a number that has to be 0.
func (r *Row) None(what string, count int) {
	r.T.Helper()
	AtMost(r, what, count, 0)
}

// Same adds a figure that has to be one value.
func Same[T comparable](r *Row, what string, figure, wanted T) {
	r.T.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (%v)", what, figure, wanted))
	if figure != wanted {
		r.miss("%s: %v, not %v", what, figure, wanted)
	}
}

// AtMost adds a figure that has an upper bound.
func AtMost[T cmp.Ordered](r *Row, what string, figure, bound T) {
	r.T.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (<= %v)", what, Rounded(figure), bound))
	if figure > bound {
		r.miss("%s: %v, more than %v", what, Rounded(figure), bound)
	}
}

// AtLeast adds a figure that has a lower bound, so that the row means
// something.
func AtLeast[T cmp.Ordered](r *Row, what string, figure, bound T) {
	r.T.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (>= %v)", what, Rounded(figure), bound))
	if figure < bound {
		r.miss("%s: %v, less than %v", what, Rounded(figure), bound)
	}
}

// Rounded keeps three digits of a duration.
func Rounded(figure any) any {
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
