package report

import (
	"io"
	"slices"
	"testing"
)

// TestAFigureIsMeasuredAgainWhenItMissesItsBound has no machine to blame.
func TestAFigureIsMeasuredAgainWhenItMissesItsBound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		counts []int // One of each try.
		want   []string
	}{
		"good at once":        {[]int{0}, []string{"failed 0 (<= 0)"}},
		"good when made anew": {[]int{3, 1, 0}, []string{"failed 0 (<= 0)", "at try 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := New(io.Discard).Row(t, name)
			made := 0
			r.Try(func(try *Row) {
				try.None("failed", test.counts[made])
				made++
			})
			if made != len(test.counts) || !slices.Equal(r.figures, test.want) {
				t.Errorf("%d tries: %q, want %d: %q", made, r.figures, len(test.counts), test.want)
			}
		})
	}
}

// TestTheLastTryCounts has a figure that no try brings within its bound.
func TestTheLastTryCounts(t *testing.T) {
	t.Parallel()
	missed := new(testing.T)
	made := 0
	(&Row{T: missed}).Try(func(try *Row) {
		made++
		try.None("failed", 1)
	})
	if made != tries || !missed.Failed() {
		t.Errorf("%d tries, failed: %v; want %d, and failed", made, missed.Failed(), tries)
	}
}
