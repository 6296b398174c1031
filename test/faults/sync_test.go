//go:build linux

package faults

import (
	"flag"
	"fmt"
	"testing"

	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

var syncChanges = flag.Int("changes", 0, "how many `changes` the row of sync makes, instead of its own number")

const (
	syncProcesses     = 4 // Every other one speaks to the database through PgBouncer.
	syncSharedWriters = 8 // Of one user.
	syncSingleWriters = 12
)

// TestSyncMissesNothing has many follow the changes of many, while everything happens
// that happens to processes and databases. In the end each copy has to equal the table.
func TestSyncMissesNothing(t *testing.T) {
	wanted := size(12_000, 100_000)
	if *syncChanges > 0 {
		wanted = *syncChanges
	}
	r := newRow(t, "sync while all else fails")
	c := startSyncCluster(t)
	s := syncload.New(t, syncload.Config{Issuer: c.issuer, Clients: c.clients(t), Changes: wanted})
	s.Add("sync-shared", syncSharedWriters, syncload.AllHabits()...)
	readers := len(syncload.AllHabits()) + syncSingleWriters
	for i := range syncSingleWriters {
		s.Add(fmt.Sprint("sync-single-", i), 1, syncload.AllHabits()[i%len(syncload.AllHabits())])
	}
	endSweeping := s.StartSweeping(c.hosts)
	s.Start()

	done := makeSyncFaults(t, s, c, wanted, size(1, 5))
	s.Proceed(wanted)
	s.EndWriting()
	swept := endSweeping()
	admin := stack.Session(t, c.standby.URL("todo"))
	stack.Eventually(t, "what was in doubt has ended", func() bool {
		return stack.Ask[int](t, admin, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) == 0 || s.Failed()
	})
	s.EndReading()
	s.Compare(func(user string) map[string]syncload.State { return syncload.Table(t, admin, user) })

	figures := s.Figures()
	r.Did("%s, with %d writers and %d readers on %d processes", done, syncSharedWriters+syncSingleWriters, readers, syncProcesses)
	report.AtLeast(r, "changes acknowledged", figures.Changes, wanted)
	r.Note("in doubt", figures.InDoubt)
	r.Note("pages", figures.Pages)
	r.Note("reads that failed", figures.Failures)
	r.Note("streams that were ended", figures.Ended)
	report.AtLeast(r, "resets", figures.Resets, 1)
	report.AtLeast(r, "todos swept", swept, 1)
	s.Report(r)
}

// makeSyncFaults makes faults one after the other, with changes in between, some times over,
// and a failover in the end. It returns what it did.
func makeSyncFaults(t *testing.T, s *syncload.Run, c *syncCluster, wanted, times int) (done string) {
	t.Helper()
	faults := []func(){
		func() { c.crash(t, 0) },
		func() { c.terminateBackends(t) },
		func() { c.crash(t, 1) },
		func() { c.restartPrimary(t) },
		func() { c.drain(t, 2) },
		func() { c.restartBouncer(t) },
		func() { c.terminateBackends(t) },
		func() { c.crash(t, 3) },
	}
	all := len(faults)*times + 1
	for i := range all {
		switch {
		case !s.Proceed((i + 1) * wanted / (all + 1)):
			return "gave up"
		case i < all-1:
			faults[i%len(faults)]()
		default:
			c.failOver(t)
		}
	}
	return fmt.Sprintf("killed processes %d times, drained one %d, ended all backends %d, killed and restarted PostgreSQL %d and PgBouncer %d, then failed over",
		3*times, times, 2*times, times, times)
}
