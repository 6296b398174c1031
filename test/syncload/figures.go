//go:build linux

package syncload

import (
	"slices"
	"time"
)

// Figures are what a run amounted to.
type Figures struct {
	Changes  int // Acknowledged.
	InDoubt  int // Writes without an answer, or with one that tells of an outage.
	Refused  int // Writes that came too late for their todo.
	Pages    int // Of changes, which readers were given.
	Resets   int // Readers that had to begin anew.
	Failures int // Reads that failed, and streams that failed to begin.
	// OtherOutages are failed calls of either kind without an answer, or with another one
	// than that the service is unavailable.
	OtherOutages int
	Ended        int // Streams that the service ended, or that were cut.
	// Without are the times that readers spent without a stream: from the end of one to
	// the first message of the next. They are in order.
	Without []time.Duration
	// Delays are the times from a change, by the database's clock, to its arrival at an open
	// stream. They are in order.
	Delays []time.Duration

	// Of the HTTP requests, over whichever protocol:
	Unanswered        int // Without a whole response. A stream may break off.
	OtherFailures     int // Answered with 5xx, but for 503.
	WithoutRetryAfter int // Answered with a 503 that doesn't say when to try again.
}

// ChangesSoFar returns how many changes were acknowledged until now.
func (s *Run) ChangesSoFar() int { return int(s.changes.Load()) }

// Figures returns those of a run that has ended.
func (s *Run) Figures() Figures {
	f := Figures{Changes: int(s.changes.Load()), InDoubt: int(s.doubtful.Load()), Refused: int(s.refused.Load()), OtherOutages: int(s.otherOutages.Load())}
	for _, r := range s.readers {
		f.Pages += r.pages
		f.Resets += r.resets
		f.Failures += r.failures
		f.Ended += r.ended
		f.Without = append(f.Without, r.without...)
		f.Delays = append(f.Delays, r.delays...)
	}
	for _, c := range s.Clients {
		f.Unanswered += int(c.counts.unanswered.Load())
		f.OtherFailures += int(c.counts.otherFailures.Load())
		f.WithoutRetryAfter += int(c.counts.withoutRetryAfter.Load())
	}
	slices.Sort(f.Without)
	slices.Sort(f.Delays)
	return f
}
