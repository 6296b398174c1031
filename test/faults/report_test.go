//go:build linux

package faults

import (
	"os"
	"testing"

	"example.com/todo-backend/test/report"
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

// results collects the rows of this run.
var results = report.New(os.Stdout)

// newRow begins a row.
func newRow(t *testing.T, name string) *report.Row {
	t.Helper()
	return results.Row(t, name)
}
