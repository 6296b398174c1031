package database_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestScansAreInBatchesOfTheirOwn has scans wait for a lock, while other reads are served
// in batches.
func TestScansAreInBatchesOfTheirOwn(t *testing.T) {
	t.Parallel()
	observer := new(statementReports)
	c := newCounters(t, 16, func(config *database.Config) { config.Observer = observer })
	unlock := pgtest.LockTable(t, c.url, "counter")
	run := func(s database.Statement) {
		s.Read = func(rows pgx.Rows) error { rows.Close(); return nil }
		if err := c.Run(t.Context(), s); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	var scans sync.WaitGroup
	for i := range 3 {
		scans.Go(func() {
			run(database.Statement{Name: "scan " + strconv.Itoa(i), SQL: "SELECT FROM counter", IsScan: true})
		})
	}
	pgtest.WaitForLocked(t, c.url, 1)
	for range 3 {
		run(database.Statement{Name: "read", SQL: "SELECT"})
	}
	unlock()
	scans.Wait()
	for _, report := range observer.all {
		want := database.LaneScan
		if report.Name == "read" {
			want = database.LaneRead
		}
		if report.Batch.Lane != want {
			t.Errorf("%s was in %+v, want a batch of lane %q", report.Name, report.Batch, want)
		}
	}
	if len(observer.all) != 6 || observer.all[0].Name != "read" {
		t.Errorf("%+v, want the reads first", observer.all)
	}
}
