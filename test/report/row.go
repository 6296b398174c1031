package report

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// Row is a row of the report, written when its test has ended.
type Row struct {
	T       *testing.T
	done    string
	figures []string
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
		r.T.Errorf("%s: %v, not %v", what, figure, wanted)
	}
}

// AtMost adds a figure that has an upper bound.
func AtMost[T cmp.Ordered](r *Row, what string, figure, bound T) {
	r.T.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (<= %v)", what, Rounded(figure), bound))
	if figure > bound {
		r.T.Errorf("%s: %v, more than %v", what, Rounded(figure), bound)
	}
}

// AtLeast adds a figure that has a lower bound, so that the row means
// something.
func AtLeast[T cmp.Ordered](r *Row, what string, figure, bound T) {
	r.T.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (>= %v)", what, Rounded(figure), bound))
	if figure < bound {
		r.T.Errorf("%s: %v, less than %v", what, Rounded(figure), bound)
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
