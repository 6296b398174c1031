package main

import (
	"testing"
	"time"
)

func TestQuantilesCountByWeight(t *testing.T) {
	t.Parallel()
	var s sample
	if s.quantile(0.5) != 0 {
		t.Error("an empty sample has a median")
	}
	for n := range 100 { // 100 to 1, so that they have to be sorted.
		s.add(time.Duration(100-n), 1)
	}
	for part, want := range map[float64]time.Duration{0.01: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := s.quantile(part); got != want {
			t.Errorf("quantile %v is %d, want %d", part, got, want)
		}
	}
	if got := s.below(26); got != 0.25 {
		t.Errorf("%v are below 26, want a quarter", got)
	}
	if got := s.quantileOfMost(0.25, 2); got != 50 { // Both are below it in a quarter of all cases.
		t.Errorf("the longest of two has quartile %d, want 50", got)
	}
	s.add(1000, 300)
	if got := s.quantile(0.3); got != 1000 {
		t.Errorf("with three quarters of the weight at 1000, quantile 0.3 is %d", got)
	}
}

func TestARateIsOfTheBusiestTenthOfASecond(t *testing.T) {
	t.Parallel()
	var r rate
	for _, at := range []int{0, 50, 99, 100, 950, 1500} {
		r.add(time.Duration(at) * time.Millisecond)
	}
	if mean, most := r.perSecond(0, time.Second); mean != 5 || most != 30 {
		t.Errorf("%v a second, %v at most, want 5 and 30", mean, most)
	}
	if mean, most := r.perSecond(time.Second, 2*time.Second); mean != 1 || most != 10 {
		t.Errorf("later %v a second, %v at most, want 1 and 10", mean, most)
	}
}
