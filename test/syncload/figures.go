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
	Ended    int // Streams that the service ended, or that were cut.
	// Without are the times that readers spent without a stream: from the end of one to
	// the first message of the next. They are in order.
	Without []time.Duration
	// Delays are the times from a change, by the database's clock, to its arrival at an open
	// stream. They are in order.
	Delays []time.Duration
}

// Responses counts what callers must not get of an outage, over whichever protocol.
type Responses struct {
	UnansweredReads  int // Requests without a whole response, but for streams.
	UnansweredWrites int
	BrokenOff        int // Streams that end without a word of why.
	OtherFailures    int // Answers of 5xx, but for 503.
	WithoutRetry     int // Answers of 503, or of the code unavailable, that don't say when to try again.
}

// Since returns what has come since an earlier count.
func (r Responses) Since(before Responses) Responses {
	return Responses{
		UnansweredReads:  r.UnansweredReads - before.UnansweredReads,
		UnansweredWrites: r.UnansweredWrites - before.UnansweredWrites,
		BrokenOff:        r.BrokenOff - before.BrokenOff,
		OtherFailures:    r.OtherFailures - before.OtherFailures,
		WithoutRetry:     r.WithoutRetry - before.WithoutRetry,
	}
}

// Responses returns what has come until now.
func (s *Run) Responses() Responses {
	all := Responses{WithoutRetry: int(s.withoutRetryInfo.Load())}
	for _, c := range s.Clients {
		all.UnansweredReads += int(c.counts.unansweredReads.Load())
		all.UnansweredWrites += int(c.counts.unansweredWrites.Load())
		all.BrokenOff += int(c.counts.brokenOff.Load())
		all.OtherFailures += int(c.counts.otherFailures.Load())
		all.WithoutRetry += int(c.counts.withoutRetryAfter.Load())
	}
	return all
}

// ChangesSoFar returns how many changes were acknowledged until now.
func (s *Run) ChangesSoFar() int { return int(s.changes.Load()) }

// Figures returns those of a run that has ended.
func (s *Run) Figures() Figures {
	f := Figures{Changes: int(s.changes.Load()), InDoubt: int(s.doubtful.Load()), Refused: int(s.refused.Load())}
	for _, r := range s.readers {
		f.Pages += r.pages
		f.Resets += r.resets
		f.Failures += r.failures
		f.Ended += r.ended
		f.Without = append(f.Without, r.without...)
		f.Delays = append(f.Delays, r.delays...)
	}
	slices.Sort(f.Without)
	slices.Sort(f.Delays)
	return f
}
