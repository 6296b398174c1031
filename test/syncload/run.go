//go:build linux

package syncload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// Config is what a run is made of.
type Config struct {
	Issuer  *stack.Issuer
	Clients []*Client // Any of them makes a call.
	// Changes is how many changes end the writers; with 0 only [Run.EndWriting] does.
	Changes int
	// Pause is between the changes of a writer.
	Pause time.Duration
	// ObeysRetryInfo has callers wait as long as a failure asks them to. Otherwise they try
	// again at once.
	ObeysRetryInfo bool
}

// Run is a run of writers and readers.
type Run struct {
	Config
	t        *testing.T
	failed   chan struct{} // Closed by the first fault.
	stop     context.CancelFunc
	written  chan struct{} // Closed when nothing will be written any more.
	isEnough atomic.Bool   // Writers end.
	writing  sync.WaitGroup
	reading  sync.WaitGroup
	journals []*journal
	writers  []*writer
	readers  []*reader

	changes, doubtful, refused, withoutRetryInfo atomic.Int64
	underWay                                     calls

	mu     sync.Mutex
	faults []string
}

// New returns a run without writers and readers.
func New(t *testing.T, config Config) *Run {
	t.Helper()
	return &Run{Config: config, t: t, failed: make(chan struct{}), stop: func() {}, written: make(chan struct{})}
}

// Add has so many write one user's todos, and a reader with each of some habits follow
// them. The run has not begun yet.
func (s *Run) Add(user string, writers int, habits ...Habits) {
	j := newJournal(user)
	s.journals = append(s.journals, j)
	for range writers {
		s.writers = append(s.writers, &writer{Run: s, journal: j})
	}
	for _, h := range habits {
		s.readers = append(s.readers, &reader{Run: s, journal: j, habits: h})
	}
}

// Start begins to write and to read, until [Run.EndWriting] and [Run.EndReading], a fault,
// or the test's end.
func (s *Run) Start() {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	s.mu.Lock()
	s.stop = stop
	s.mu.Unlock()
	for _, w := range s.writers {
		s.writing.Go(func() { w.run(ctx) })
	}
	for _, r := range s.readers {
		s.reading.Go(func() { r.run(ctx) })
	}
	s.t.Cleanup(func() { // A test that is over leaves nobody behind.
		stop()
		s.writing.Wait()
		s.reading.Wait()
	})
}

// Fault notes what is wrong, and ends the run.
func (s *Run) Fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		close(s.failed)
	}
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
	s.stop()
}

// Failed reports whether a fault has ended the run.
func (s *Run) Failed() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// Proceed waits until so many changes have been acknowledged since the run began. It
// reports whether the run goes on.
func (s *Run) Proceed(until int) bool {
	last, since := int64(-1), time.Now()
	for now := s.changes.Load(); now < int64(until) && !s.Failed(); now = s.changes.Load() {
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > 2*stack.Patience {
			s.Fault("no change is acknowledged any more after %d", now)
		}
		time.Sleep(2 * time.Millisecond) // Between two looks.
	}
	return !s.Failed()
}

// ProceedBy waits for so many further changes, as [Run.Proceed] does.
func (s *Run) ProceedBy(further int) bool { return s.Proceed(int(s.changes.Load()) + further) }

// EndWriting ends the writers and waits for their calls.
func (s *Run) EndWriting() {
	s.isEnough.Store(true)
	s.await(&s.writing, "the writers' calls")
}

// EndReading has the readers read what is left to read, and waits for them. Nothing may be
// written any more, in doubt or not.
func (s *Run) EndReading() {
	for _, j := range s.journals {
		j.end()
	}
	close(s.written)
	s.await(&s.reading, "the readers")
}

// await waits for goroutines for a time, and then ends the run and the test.
func (s *Run) await(all *sync.WaitGroup, what string) {
	s.t.Helper()
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	timer := time.NewTimer(4 * stack.Patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		s.Fault("%s have not ended within %v", what, 4*stack.Patience)
		s.t.Fatal(what, "have not ended")
	}
}

// Compare compares what the callers know with the table, which is given by user. The run
// has to have ended.
func (s *Run) Compare(table func(user string) map[string]State) {
	if s.Failed() {
		return // Neither has come to its end.
	}
	var wrong []string
	for _, j := range s.journals {
		is := table(j.user)
		wrong = append(wrong, j.compare(is)...)
		for _, r := range s.readers {
			if r.journal == j {
				wrong = append(wrong, r.compare(is)...)
			}
		}
	}
	for _, fault := range wrong {
		s.Fault("%s", fault)
	}
}

// Report adds what is missed, lost or wrong to a row, which has to be nothing.
func (s *Run) Report(r *report.Row) {
	r.T.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.None("missed, lost or wrong", len(s.faults))
	for _, fault := range s.faults[:min(10, len(s.faults))] {
		r.T.Error(fault)
	}
}

// any returns any client.
func (s *Run) any() *Client { return s.Clients[rand.IntN(len(s.Clients))] }

// as makes a call one of a user's.
func (s *Run) as(ctx context.Context, user string) context.Context { return As(ctx, s.Issuer, user) }

// pauseAfter waits after a failed call.
func (s *Run) pauseAfter(ctx context.Context, err error) {
	delay, ok := retryDelay(err)
	if !ok && connect.IsWireError(err) {
		s.withoutRetryInfo.Add(1)
	}
	if !ok || !s.ObeysRetryInfo {
		delay = retryPause
	}
	pause(ctx, delay)
}
