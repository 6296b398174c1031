package load

import (
	"math/bits"
	"time"
)

// subBits is the resolution of a histogram: each power of two is divided into
// 64 parts, so that a value is known to 1.6 %.
const subBits = 6

// Histogram counts durations. Adding one allocates nothing. It is for one
// goroutine at a time.
type Histogram struct {
	counts [(65 - subBits) << subBits]uint32
	total  uint64
}

// Add counts a duration; a negative one as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// Merge adds what another histogram has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range &other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// Total returns how many durations were counted.
func (h *Histogram) Total() uint64 { return h.total }

// Quantile returns the duration that the part q of all, from 0 to 1, does not
// exceed; 0 when nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	// The rank is the smallest whole number of durations that is that part.
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range &h.counts {
		if seen += uint64(n); seen >= rank {
			return middle(i)
		}
	}
	return middle(len(h.counts) - 1)
}

// bucket returns the index of a duration's counter. Up to 127 ns each
// nanosecond has its own.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	exponent := max(0, bits.Len64(v)-subBits-1)
	return exponent<<subBits + int(v>>exponent) //nolint:gosec // G115: below 128.
}

// middle returns the middle of what a counter stands for.
func middle(index int) time.Duration {
	exponent := max(0, index>>subBits-1)
	low := (index - exponent<<subBits) << exponent
	return time.Duration(low + 1<<exponent>>1)
}
