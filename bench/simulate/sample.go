package main

import (
	"math"
	"slices"
	"time"
)

// sample is times that were measured, each with a weight.
type sample struct {
	values   []weighted
	total    float64
	isSorted bool
}

type weighted struct {
	value  time.Duration
	weight float64
}

// add adds a time.
func (s *sample) add(value time.Duration, weight float64) {
	s.values = append(s.values, weighted{value, weight})
	s.total += weight
	s.isSorted = false
}

// quantile returns the time below which a part of the weight is; 0 for an empty sample.
func (s *sample) quantile(part float64) time.Duration {
	if len(s.values) == 0 {
		return 0
	}
	if !s.isSorted {
		slices.SortFunc(s.values, func(a, b weighted) int { return int(a.value - b.value) })
		s.isSorted = true
	}
	var below float64
	for _, v := range s.values {
		if below += v.weight; below >= part*s.total {
			return v.value
		}
	}
	return s.values[len(s.values)-1].value
}

// below returns the part of the weight that is below a time.
func (s *sample) below(bound time.Duration) (part float64) {
	for _, v := range s.values {
		if v.value < bound {
			part += v.weight
		}
	}
	return part / s.total
}

// quantileOfMost returns the same for the longest of so many independent times.
func (s *sample) quantileOfMost(part float64, of int) time.Duration {
	return s.quantile(math.Pow(part, 1/float64(of)))
}

// rate counts events by the tenth of a second in which they come.
type rate struct{ counts []int }

const rateWindow = 100 * time.Millisecond

func (r *rate) add(at time.Duration) {
	for window := int(at / rateWindow); ; {
		if window < len(r.counts) {
			r.counts[window]++
			return
		}
		r.counts = append(r.counts, 0)
	}
}

// perSecond returns the mean rate from one time to another, and the highest of any tenth of
// a second, both for a second.
func (r *rate) perSecond(from, to time.Duration) (mean, most float64) {
	windows := r.counts[min(int(from/rateWindow), len(r.counts)):min(int(to/rateWindow), len(r.counts))]
	sum := 0
	for _, n := range windows {
		sum += n
		most = max(most, float64(n)/rateWindow.Seconds())
	}
	return float64(sum) / (to - from).Seconds(), most
}
