//go:build linux

package faults

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// bystanderRate is a bystander's calls per second: too few to be a load.
	bystanderRate = 20
	// calmFor is how long a bystander is watched before and after an attack.
	calmFor = 2 * time.Second
	// feltBound is how much a median may grow in addition to doubling.
	feltBound = 5 * time.Millisecond
	// slowBound is a p99 that is always accepted.
	slowBound = 300 * time.Millisecond
)

// bystander makes calls of all kinds during somebody else's attack.
type bystander struct {
	*load.Load
	todod *stack.Todod
}

// startBystander begins to call, until the test ends.
func startBystander(t *testing.T, s *stack.Todod) *bystander {
	t.Helper()
	b := &bystander{Load: load.Start(t, s.URL, s.Issuer, bystanderRate), todod: s}
	b.During(calmFor) // The first calls of each kind are slow.
	return b
}

// felt has a bystander's figures of some time.
type felt struct {
	answers load.Answers
	// service is the median by the service's clock, and client the one by the
	// caller's. An attack from the same process slows the caller down.
	service, client time.Duration
	p99             time.Duration // By the service's clock.
}

// feel returns the figures of the time while f runs.
func (b *bystander) feel(t *testing.T, f func()) felt {
	t.Helper()
	mark, from := b.todod.Mark(), time.Now()
	f()
	as := b.Since(from)
	logged := requestsOf(b.todod.Since(t, mark), b.Prefix)
	return felt{answers: as, service: logged.Quantile(0.5), client: as.Quantile(0.5), p99: logged.P99()}
}

// calm returns the figures without an attack.
func (b *bystander) calm(t *testing.T) felt {
	t.Helper()
	return b.feel(t, func() { time.Sleep(calmFor) })
}

// through compares the figures before, during and after an attack, which is made again
// when they are bad, and adds them to a row.
func (b *bystander) through(r *report.Row, attack func()) {
	r.T.Helper()
	b.throughTry(r, func(*report.Row) { attack() })
}

// throughTry is through for an attack that has figures of its own.
func (b *bystander) throughTry(r *report.Row, attack func(try *report.Row)) {
	r.T.Helper()
	first := b.calm(r.T)
	before, attacked := first, false
	r.Try(func(r *report.Row) {
		if attacked {
			// What an attack leaves behind is no calm to compare with.
			before = b.calm(r.T).atMost(first)
		}
		attacked = true
		mark := b.todod.Mark()
		during := b.feel(r.T, func() { attack(r) })
		after := b.calm(r.T)
		both := slices.Concat(during.answers, after.answers)
		served(r, "bystander's calls", both)
		b.explain(r.T, mark, len(both.Failed()))
		report.AtLeast(r, "of", len(during.answers), bystanderRate)
		r.Note("median before", report.Rounded(before.service))
		report.AtMost(r, "during", during.service, doubled(before.service))
		report.AtMost(r, "after", after.service, doubled(before.service))
		report.AtMost(r, "p99 during", during.p99, slowest(before.p99))
		r.Note("median to the client before", report.Rounded(before.client))
		report.AtMost(r, "during", during.client, twice(before.client))
		report.AtMost(r, "after", after.client, twice(before.client))
	})
}

// served adds to a try of a row that none of some calls failed. The service rejects calls
// that a busy machine leaves no time, and the next try may have none of those. No try may
// have any other failure.
func served(r *report.Row, what string, answers load.Answers) {
	r.T.Helper()
	failed := answers.Failed()
	r.None(what+" failed", len(failed))
	for _, a := range failed.Where(func(a stack.Answer) bool { return !a.IsRejected() }) {
		r.T.Errorf("%s: %d %s %v", what, a.Status, a.Body, a.Err)
	}
}

// explain shows the service's log lines of some failed calls.
func (b *bystander) explain(t *testing.T, mark, failed int) {
	t.Helper()
	failed = min(failed, 3)
	for _, line := range b.todod.Since(t, mark) {
		if failed > 0 && line.Status != http.StatusOK && strings.HasPrefix(line.UserID, b.Prefix) {
			t.Log(line.Text)
			failed--
		}
	}
}

// atMost returns the figures, cut to the bounds that others set.
func (f felt) atMost(calm felt) felt {
	f.service = min(f.service, doubled(calm.service))
	f.client = min(f.client, twice(calm.client))
	f.p99 = min(f.p99, slowest(calm.p99))
	return f
}

// doubled is the bound of a median during an attack.
func doubled(calm time.Duration) time.Duration {
	return (2*calm + feltBound).Round(10 * time.Microsecond)
}

// slowest is the bound of a p99 during an attack.
func slowest(calm time.Duration) time.Duration { return max(slowBound, doubled(calm)) }
