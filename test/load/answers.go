//go:build linux

package load

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/todo-backend/test/stack"
)

// Answers are the responses that callers got, in the order of arrival.
type Answers []stack.Answer

// Between returns the answers to calls that were sent within a time.
func (as Answers) Between(from, until time.Time) Answers {
	return as.Where(func(a stack.Answer) bool { return !a.Sent.Before(from) && a.Sent.Before(until) })
}

// Where returns the answers that match.
func (as Answers) Where(matches func(stack.Answer) bool) Answers {
	var some Answers
	for _, a := range as {
		if matches(a) {
			some = append(some, a)
		}
	}
	return some
}

// With returns the answers with one of some statuses; 0 means no response.
func (as Answers) With(statuses ...int) Answers {
	return as.Where(func(a stack.Answer) bool { return slices.Contains(statuses, a.Status) })
}

// Without returns the answers with none of some statuses.
func (as Answers) Without(statuses ...int) Answers {
	return as.Where(func(a stack.Answer) bool { return !slices.Contains(statuses, a.Status) })
}

// Failed returns the answers that are errors.
func (as Answers) Failed() Answers { return as.Without(http.StatusOK) }

// Quantile returns the time that this part of the answers took at most.
func (as Answers) Quantile(part float64) time.Duration {
	if len(as) == 0 {
		return 0
	}
	times := make([]time.Duration, len(as))
	for i, a := range as {
		times[i] = a.Took
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(part*float64(len(times))))]
}

// P99 returns the time that 99 of 100 answers took at most.
func (as Answers) P99() time.Duration { return as.Quantile(0.99) }

// Slowest returns the time that the slowest answer took.
func (as Answers) Slowest() time.Duration { return as.Quantile(1) }

// LastSent returns when the last call was sent, or then when there is none.
func (as Answers) LastSent(then time.Time) time.Time {
	for _, a := range as {
		if a.Sent.After(then) {
			then = a.Sent
		}
	}
	return then
}

// String counts the answers by status, and shows one of those that never came.
func (as Answers) String() string {
	counts := make(map[int]int)
	lost := ""
	for _, a := range as {
		counts[a.Status]++
		if a.Status == 0 {
			lost = fmt.Sprintf(" (%v)", a.Err)
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
