//go:build linux

package faults

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// answers are the responses that callers got, in the order of arrival.
type answers []answer

// between returns the answers to calls that were sent within a time.
func (as answers) between(from, until time.Time) answers {
	return as.where(func(a answer) bool { return !a.sent.Before(from) && a.sent.Before(until) })
}

// where returns the answers that match.
func (as answers) where(matches func(answer) bool) answers {
	var some answers
	for _, a := range as {
		if matches(a) {
			some = append(some, a)
		}
	}
	return some
}

// with returns the answers with one of some statuses; 0 means no response.
func (as answers) with(statuses ...int) answers {
	return as.where(func(a answer) bool { return slices.Contains(statuses, a.status) })
}

// without returns the answers with none of some statuses.
func (as answers) without(statuses ...int) answers {
	return as.where(func(a answer) bool { return !slices.Contains(statuses, a.status) })
}

// failed returns the answers that are errors.
func (as answers) failed() answers { return as.without(http.StatusOK) }

// quantile returns the time that this part of the answers took at most.
func (as answers) quantile(part float64) time.Duration {
	if len(as) == 0 {
		return 0
	}
	times := make([]time.Duration, len(as))
	for i, a := range as {
		times[i] = a.took
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(part*float64(len(times))))]
}

func (as answers) p99() time.Duration { return as.quantile(0.99) }

func (as answers) slowest() time.Duration { return as.quantile(1) }

// lastSent returns when the last call was sent, or then when there is none.
func (as answers) lastSent(then time.Time) time.Time {
	for _, a := range as {
		if a.sent.After(then) {
			then = a.sent
		}
	}
	return then
}

// String counts the answers by status, and shows one of those that never came.
func (as answers) String() string {
	counts := make(map[int]int)
	lost := ""
	for _, a := range as {
		counts[a.status]++
		if a.status == 0 {
			lost = fmt.Sprintf(" (%v)", a.err)
		}
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "none" + lost
		}
		parts = append(parts, fmt.Sprintf("%d of %s", counts[status], name))
	}
	return strings.Join(parts, ", ")
}
