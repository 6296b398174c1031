//go:build linux

package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// CallTimeout bounds a call: it is more than the service ever takes.
	CallTimeout = 20 * time.Second
	// maxCallers bounds the calls under way.
	maxCallers = 4096
)

// Load calls the service at a steady rate, however slow its responses are (open loop).
// Callers create, read, list, change and delete their own todos.
type Load struct {
	Prefix string // Of the callers' names.
	Ledger *Ledger
	url    string
	issuer *stack.Issuer
	client *http.Client
	reads  bool // Nothing is written.
	stop   context.CancelFunc
	ended  chan struct{}

	mu       sync.Mutex
	free     []*Caller
	underWay map[*Caller]time.Time // Since when.
	answers  Answers
}

// Start begins to call the service at url so many times a second, until [Load.Finish] or
// the test's end.
func Start(t *testing.T, url string, issuer *stack.Issuer, perSecond int) *Load {
	t.Helper()
	return New(t, url, issuer).start(t, perSecond)
}

// StartReads is [Start] without writes.
func StartReads(t *testing.T, url string, issuer *stack.Issuer, perSecond int) *Load {
	t.Helper()
	l := New(t, url, issuer)
	l.reads = true
	return l.start(t, perSecond)
}

// New returns a load that makes no calls but those of its callers ([Load.NewCaller]).
func New(t *testing.T, url string, issuer *stack.Issuer) *Load {
	t.Helper()
	client := stack.NewClient(t, false)
	client.Timeout = CallTimeout
	return &Load{
		url:      url,
		issuer:   issuer,
		client:   client,
		Prefix:   rand.Text()[:8] + "-",
		Ledger:   newLedger(),
		ended:    make(chan struct{}),
		underWay: make(map[*Caller]time.Time),
	}
}

func (l *Load) start(t *testing.T, perSecond int) *Load {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l.stop = stop
	go l.run(ctx, time.Second/time.Duration(perSecond))
	t.Cleanup(func() { l.Finish() })
	return l
}

// run starts a call at each interval.
func (l *Load) run(ctx context.Context, interval time.Duration) {
	defer close(l.ended)
	var calls sync.WaitGroup
	defer calls.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	began := time.Now()
	for started := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// A ticker drops what a busy machine misses; those calls are made now.
		for ; started < int(time.Since(began)/interval); started++ {
			if c := l.take(); c != nil {
				calls.Go(func() {
					c.call()
					l.give(c)
				})
			}
		}
	}
}

// Finish ends the calls and returns their answers, once all are there.
func (l *Load) Finish() Answers {
	l.stop()
	<-l.ended
	return l.SoFar()
}

// SoFar returns the answers until now.
func (l *Load) SoFar() Answers {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(Answers(nil), l.answers...)
}

// Answered returns how many calls have been answered until now.
func (l *Load) Answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// UnderWay returns how many calls wait for their answer.
func (l *Load) UnderWay() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.underWay)
}

// During returns the answers to what is called within so long from now, once
// they are there.
func (l *Load) During(d time.Duration) Answers {
	from := time.Now()
	time.Sleep(d) // The callers are busy meanwhile.
	return l.Since(from)
}

// Since returns the answers to what was called from then until now, once they
// are there.
func (l *Load) Since(from time.Time) Answers {
	until := time.Now()
	for l.waiting(until) {
		time.Sleep(time.Millisecond) // Until the call has timed out at the latest.
	}
	return l.SoFar().Between(from, until)
}

// waiting reports whether a call that began before then is under way.
func (l *Load) waiting(until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, began := range l.underWay {
		if began.Before(until) {
			return true
		}
	}
	return false
}

// Check ends the calls, audits the ledger and adds its figures to a row.
func (l *Load) Check(r *report.Row, database string, further ...string) {
	r.T.Helper()
	l.Finish()
	problems := l.Ledger.Audit(r.T, database, l.Prefix, further...)
	report.AtLeast(r, "acknowledged writes", l.Ledger.Acknowledged, 1)
	r.None("of them lost or wrong", len(problems))
	for _, problem := range problems[:min(10, len(problems))] {
		r.T.Error(problem)
	}
}

// take returns a caller who is free, nil when there are too many at work.
func (l *Load) take() *Caller {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c *Caller
	switch n := len(l.free); {
	case n > 0:
		c = l.free[n-1]
		l.free = l.free[:n-1]
	case len(l.underWay) < maxCallers:
		c = &Caller{Load: l, name: fmt.Sprint(l.Prefix, len(l.underWay))}
	default:
		return nil
	}
	l.underWay[c] = time.Now()
	return c
}

func (l *Load) give(c *Caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underWay, c)
	l.free = append(l.free, c)
}
