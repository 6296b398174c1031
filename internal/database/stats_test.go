package database_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestStatsFollowThePool(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 8, unbatched)
	lanes := []database.LaneStats{{Lane: database.LaneRead}, {Lane: database.LaneScan}, {Lane: database.LaneWrite}}
	if got, want := c.Stats(), (database.Stats{Up: true, MaxConns: 8, Lanes: lanes}); !reflect.DeepEqual(got, want) {
		t.Errorf("before the first statement: %+v, want %+v", got, want)
	}
	c.mustPut(t, "u", 1)
	unlock := pgtest.LockTable(t, c.url, "counter")
	read := make(chan error, 1)
	go func() {
		_, err := c.get(t.Context(), "u", 1)
		read <- err
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	if got := c.Stats(); got.Used != 1 || !got.Up || got.Connects < 1 || got.ConnectFailures != 0 || got.Waits < 1 || got.WaitTime <= 0 {
		t.Errorf("while one statement runs: %+v", got)
	}
	unlock()
	if err := <-read; err != nil {
		t.Error(err)
	}
	if got := c.Stats(); got.Used != 0 || got.Idle < 1 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestStatsSayThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, "postgres://u:p@127.0.0.1:1/none", 2)
	if err := db.Run(t.Context(), database.Statement{Name: "get", SQL: "SELECT"}); !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if got := db.Stats(); got.Up || got.Connects == 0 || got.ConnectFailures != got.Connects {
		t.Errorf("%+v", got)
	}
}

// TestStatsSayThatTheDatabaseIsThereWhileItAnswers has the pool fail to grow beside a
// connection that works.
func TestStatsSayThatTheDatabaseIsThereWhileItAnswers(t *testing.T) {
	t.Parallel()
	direct := newCounters(t, 1)
	direct.mustPut(t, "u", 1)
	var isFull atomic.Bool
	c := openCounters(t, serve(t, direct.url, func(client net.Conn, database string) {
		if !isFull.Load() {
			relay(client, database, func(client, server net.Conn) { _, _ = io.Copy(client, server) })
		}
	}), 2, unbatched)
	free := c.takeAll(t, 1)
	isFull.Store(true)
	if _, err := c.get(t.Context(), "u", 1); !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("get: %v, want no connection", err)
	}
	if c.Stats().Up {
		t.Error("up, while nothing is answered")
	}
	free()
	if _, err := c.get(t.Context(), "u", 1); err != nil {
		t.Error(err)
	}
	if !c.Stats().Up {
		t.Error("not up, although a statement was answered since")
	}
}

func TestStatsCountStatementsThatRanAgain(t *testing.T) {
	t.Parallel()
	c := newCounters(t, 2, unbatched, isolated("repeatable read"))
	c.mustPut(t, "u", 1)
	pgtest.Exec(t, c.url, terminateOthers)
	if _, err := c.get(t.Context(), "u", 1); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Reruns; got != (database.Reruns{Connection: 1}) {
		t.Errorf("%+v, want one for a dead connection", got)
	}
	tx := pgtest.Begin(t, c.url, "UPDATE counter SET n = 100")
	added := make(chan error, 1)
	go func() {
		_, err := c.add(t.Context(), "u", 1, "")
		added <- err
	}()
	pgtest.WaitForLocked(t, c.url, 1)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-added; err != nil {
		t.Error(err)
	}
	if got := c.Stats().Reruns; got != (database.Reruns{Connection: 1, Conflict: 1}) {
		t.Errorf("%+v, want one more for a conflict", got)
	}
}

// statementReports keeps what it was told of statements.
type statementReports struct {
	mu  sync.Mutex
	all []database.StatementReport
}

func (r *statementReports) StatementEnded(_ context.Context, report database.StatementReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, report)
}

func (*statementReports) BatchEnded(database.BatchReport) {}

func TestAnObserverIsToldOfStatements(t *testing.T) {
	t.Parallel()
	observer := new(statementReports)
	c := newCounters(t, 8, func(config *database.Config) { config.Observer = observer })
	c.mustPut(t, "u", 1)
	if _, err := c.get(t.Context(), "u", 2); !errors.Is(err, errNoCounter) {
		t.Error(err)
	}
	if err := c.Run(t.Context(), database.Statement{Name: "alone", SQL: "SELECT 1/0", Alone: true, Read: func(rows pgx.Rows) error { rows.Close(); return nil }}); err == nil {
		t.Error("no error")
	}
	var outcomes []database.StatementOutcome
	for i, report := range observer.all {
		outcomes = append(outcomes, report.Outcome)
		batch := report.Batch
		if isAlone := report.Name == "alone"; isAlone != (batch == database.BatchReference{}) {
			t.Errorf("%s was in %+v", report.Name, batch)
		} else if !isAlone && (batch.Number != 1 || batch.Size != 1 || (batch.Lane == database.LaneWrite) != (i == 0) || batch.Sent.Before(report.Began)) {
			t.Errorf("%s was in %+v", report.Name, batch)
		}
		if report.Name == "" || report.Took <= 0 || report.Began.IsZero() {
			t.Errorf("%+v", report)
		}
	}
	if want := []database.StatementOutcome{database.OutcomeOK, database.OutcomeOK, database.OutcomeError}; !slices.Equal(outcomes, want) {
		t.Errorf("outcomes %v, want %v", outcomes, want)
	}
}
