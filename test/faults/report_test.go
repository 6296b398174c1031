//go:build linux

package faults

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// rowsOfRun names the rows that a complete run has.
var rowsOfRun = []string{
	"idle backends killed",
	"backends killed during writes",
	"database down: a host that hangs up",
	"database down: a host that is silent",
	"preflight with the pool held",
	"metrics and pprof",
	"SIGTERM with calls in flight",
	"a table locked",
	"the pool exhausted",
	"a 30 s statement",
	"caller gone during a slow statement",
	"timeouts that callers ask for",
	"rolling restarts behind HAProxy",
	"gzip bombs and lying lengths",
	"unknown key IDs",
	"key set endpoint at fault",
	"PgBouncer 1.18, transaction mode",
	"postmaster killed and restarted",
	"poor network: latency",
	"poor network: cut replies",
	"poor network: silence",
	"poor network: resets",
	"poor network: trickle",
	"too many connections",
	"disk full",
	"schema changed, direct",
	"schema changed, behind PgBouncer",
	"slow: headers, a byte at a time",
	"slow: a partial HTTP/2 preface",
	"slow: a body that never ends",
	"a read-only standby",
	"failover from primary to standby",
	"idle connections at the bound",
	"HTTP/2 resets",
	"HTTP/2 streams on one connection",
	"start without the issuer",
	"both sides of a schema change",
	"migration while a SELECT holds the table",
	"a caller above its rate",
	"more callers than can be served",
	"creates retried by id",
	"readers in batches: backends killed",
	"readers in batches: one user's rows slow",
	"readers in batches: callers leave",
	"readers in batches: PgBouncer",
	"creators in batches: backends killed",
	"writers in batches: one user's row locked",
	"writers in batches: late before the commit",
	"writers in batches: a standby that is away",
	"streams whose callers leave",
	"streams without a token",
	"streams nobody reads",
	"reflection asks over and over",
	"reflection on many streams",
	"answers nobody reads: HTTP/2",
	"answers nobody reads: HTTP/1.1",
	"documents nobody reads",
	"short deadlines: one user",
	"short deadlines: eight users",
	"the price of gzip bombs",
	"the price of odd GETs",
	"one huge header",
	"one huge header behind HAProxy",
	"broken framing",
	"active connections at the bound",
	"keep-alive behind a load balancer",
	"a hostile user: one row over and over",
	"a hostile user: one id by ten users",
	"a hostile user: one id made and deleted",
	"a hostile user: big lists",
	"a hostile user: forged page tokens",
	"a hostile user: hostile JSON",
	"a hostile user: what others wrote",
	"a log reader that stops",
	"a log reader that dies",
	"signals",
	"sync while all else fails",
	"sync after a failover that lost changes",
	"how soon watchers learn of a change",
	"secrets in the log",
}

// rowsOfLongRun names the further rows of the long run.
var rowsOfLongRun = []string{
	"a reader that stops",
	"a peer that vanishes in a body",
	"a peer that vanishes on HTTP/2",
	"a peer that vanishes idle on HTTP/1.1",
	"a peer that vanishes before its answer",
	"the suite behind PgBouncer",
}

// report collects the rows of this run.
var report = reporter{seen: make(map[string]bool)}

type reporter struct {
	mu    sync.Mutex
	seen  map[string]bool
	short int
}

// print writes a row's line.
func (r *reporter) print(name, done string, figures []string, short bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := "ok   "
	if short {
		result = "SHORT"
		r.short++
	}
	r.seen[name] = true
	fmt.Printf("%s  %-44s  %s: %s\n", result, name, done, strings.Join(figures, "; "))
}

// finish writes the last lines, and returns the exit code.
func (r *reporter) finish(took time.Duration) int {
	lines, leaks := canaries.found()
	r.print("secrets in the log", fmt.Sprintf("looked through %d lines at debug level", lines),
		[]string{fmt.Sprintf("lines with a token, a claim, a text or the password %d (0)", len(leaks))}, len(leaks) > 0)
	for _, leak := range leaks {
		fmt.Println("       ", leak)
	}
	wanted := rowsOfRun
	if *long {
		wanted = append(wanted, rowsOfLongRun...)
	}
	missing := 0
	for _, name := range wanted {
		if !r.seen[name] && flag.Lookup("test.run").Value.String() == "" {
			fmt.Println("MISS ", name)
			missing++
		}
	}
	fmt.Printf("%d rows, %d short, %d missing, in %v\n", len(r.seen), r.short, missing, took.Round(time.Second))
	return min(1, r.short+missing)
}

// row is a row of the report, written when its test has ended.
type row struct {
	t       *testing.T
	done    string
	figures []string
}

// newRow begins a row.
func newRow(t *testing.T, name string) *row {
	t.Helper()
	r := &row{t: t}
	t.Cleanup(func() { report.print(name, r.done, r.figures, t.Failed()) })
	return r
}

// did says what was done, and how much of it.
func (r *row) did(format string, args ...any) { r.done = fmt.Sprintf(format, args...) }

// note adds a figure that has no bound.
func (r *row) note(what string, figure any) {
	r.figures = append(r.figures, fmt.Sprintf("%s %v", what, figure))
}

// none adds a number that has to be 0.
func (r *row) none(what string, count int) {
	r.t.Helper()
	atMost(r, what, count, 0)
}

// same adds a figure that has to be one value.
func same[T comparable](r *row, what string, figure, wanted T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (%v)", what, figure, wanted))
	if figure != wanted {
		r.t.Errorf("%s: %v, not %v", what, figure, wanted)
	}
}

// atMost adds a figure that has an upper bound.
func atMost[T cmp.Ordered](r *row, what string, figure, bound T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (<= %v)", what, rounded(figure), bound))
	if figure > bound {
		r.t.Errorf("%s: %v, more than %v", what, rounded(figure), bound)
	}
}

// atLeast adds a figure that has a lower bound, so that the row means
// something.
func atLeast[T cmp.Ordered](r *row, what string, figure, bound T) {
	r.t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (>= %v)", what, rounded(figure), bound))
	if figure < bound {
		r.t.Errorf("%s: %v, less than %v", what, rounded(figure), bound)
	}
}

// rounded keeps three digits of a duration.
func rounded(figure any) any {
	d, ok := figure.(time.Duration)
	if !ok {
		return figure
	}
	unit := time.Microsecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}

// mebibytes is an amount of memory.
type mebibytes float64

func (m mebibytes) String() string { return fmt.Sprintf("%.1f MiB", float64(m)) }
