//go:build linux

package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	domain "example.com/todo-backend/internal/todo"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
)

var syncChanges = flag.Int("changes", 0, "how many `changes` the row of sync makes, instead of its own number")

const (
	syncProcesses     = 4 // Every other one speaks to the database through PgBouncer.
	syncSharedWriters = 8 // Of one user.
	syncSingleWriters = 12
	// syncRetention is how old the trash is that is swept.
	syncRetention = 500 * time.Millisecond
)

// syncRun is a run of writers and readers on several processes.
type syncRun struct {
	t       *testing.T
	issuer  *stack.Issuer
	clients []todov1connect.TodoServiceClient
	wanted  int
	stop    context.CancelFunc // Ends all of it, after a fault.
	written chan struct{}      // Closed when nothing will be written any more.

	changes, doubtful, refused, swept atomic.Int64

	mu     sync.Mutex
	faults []string
}

// fault notes what is wrong, and ends the run.
func (s *syncRun) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
	s.stop()
}

// any returns a client of any process.
func (s *syncRun) any() todov1connect.TodoServiceClient { return s.clients[rand.IntN(len(s.clients))] }

// as makes a call one of a user's.
func (s *syncRun) as(ctx context.Context, user string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", s.issuer.Bearer(user))
	return ctx
}

// TestSyncMissesNothing has many follow the changes of many, while everything happens
// that happens to processes and databases. In the end each copy has to equal the table.
func TestSyncMissesNothing(t *testing.T) {
	wanted := size(12_000, 100_000)
	if *syncChanges > 0 {
		wanted = *syncChanges
	}
	r := newRow(t, "sync while all else fails")
	c := startSyncCluster(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &syncRun{t: t, issuer: c.issuer, clients: c.clients(t), wanted: wanted, stop: stop, written: make(chan struct{})}
	var journals []*syncJournal
	var writers []*syncWriter
	var readers []*syncReader
	begin := func(user string, n int, habits ...syncHabits) {
		j := newSyncJournal(user)
		journals = append(journals, j)
		for range n {
			writers = append(writers, &syncWriter{syncRun: s, journal: j})
		}
		for _, h := range habits {
			readers = append(readers, &syncReader{syncRun: s, journal: j, habits: h})
		}
	}
	begin("sync-shared", syncSharedWriters, allSyncHabits()...)
	for i := range syncSingleWriters {
		begin(fmt.Sprint("sync-single-", i), 1, allSyncHabits()[i%len(allSyncHabits())])
	}

	var writing, reading, sweeping sync.WaitGroup
	for _, w := range writers {
		writing.Go(func() { w.run(ctx) })
	}
	for _, reader := range readers {
		reading.Go(func() { reader.run(ctx) })
	}
	sweep, enough := context.WithCancel(ctx)
	sweeper := openSweeper(t, c.hosts)
	sweeping.Go(func() { s.sweep(sweep, sweeper) })
	defer func() { // A test that is over leaves nobody behind.
		stop()
		enough()
		writing.Wait()
		sweeping.Wait()
		reading.Wait()
	}()

	done := s.makeFaults(ctx, c, size(1, 5))
	writing.Wait()
	enough()
	sweeping.Wait()
	admin := stack.Session(t, c.standby.URL("todo"))
	stack.Eventually(t, "what was in doubt has ended", func() bool {
		return stack.Ask[int](t, admin, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) == 0 || ctx.Err() != nil
	})
	for _, j := range journals {
		j.end()
	}
	close(s.written)
	reading.Wait()

	pages, resets, failures := 0, 0, 0
	for _, j := range journals {
		table := syncTable(t, admin, j.user)
		for id, alive := range j.alive {
			if is, found := table[id]; ctx.Err() == nil && (!found || is.deletedAt != 0 || is.updatedAt < alive.GetUpdatedAt().AsTime().UnixMicro()) {
				s.faults = append(s.faults, fmt.Sprintf("acknowledged %v is lost: the table has %+v", alive, is))
			}
		}
		for _, reader := range readers {
			if reader.journal == j && ctx.Err() == nil {
				s.faults = append(s.faults, reader.compare(table)...)
			}
		}
	}
	for _, reader := range readers {
		pages, resets, failures = pages+reader.pages, resets+reader.resets, failures+reader.failures
	}
	r.Did("%s, with %d writers and %d readers on %d processes", done, len(writers), len(readers), syncProcesses)
	report.AtLeast(r, "changes acknowledged", int(s.changes.Load()), wanted)
	r.Note("in doubt", s.doubtful.Load())
	r.Note("pages", pages)
	r.Note("reads that failed", failures)
	report.AtLeast(r, "resets", resets, 1)
	report.AtLeast(r, "todos swept", int(s.swept.Load()), 1)
	r.None("missed, lost or wrong", len(s.faults))
	for _, fault := range s.faults[:min(10, len(s.faults))] {
		t.Error(fault)
	}
}

// sweep removes old trash all the time.
func (s *syncRun) sweep(ctx context.Context, sweeper *postgres.Store) {
	for ctx.Err() == nil {
		n, err := sweeper.Sweep(ctx)
		s.swept.Add(int64(n))
		if err != nil && ctx.Err() == nil && !errors.Is(err, domain.ErrUnavailable) {
			s.fault("sweep: %v", err)
		}
		pause(ctx, retryPause)
	}
}

// proceed waits until so many changes have been acknowledged.
func (s *syncRun) proceed(ctx context.Context, until int) {
	last, since := int64(-1), time.Now()
	for now := s.changes.Load(); now < int64(until) && ctx.Err() == nil; now = s.changes.Load() {
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > 2*stack.Patience {
			s.fault("no change is acknowledged any more after %d", now)
			return
		}
		pause(ctx, 2*time.Millisecond) // Between two looks.
	}
}

// makeFaults makes faults one after the other, with changes in between, some times over,
// and a failover in the end. It returns what it did.
func (s *syncRun) makeFaults(ctx context.Context, c *syncCluster, times int) (done string) {
	faults := []func(){
		func() { c.crash(s.t, 0) },
		func() { c.terminateBackends(s.t) },
		func() { c.crash(s.t, 1) },
		func() { c.restartPrimary(s.t) },
		func() { c.drain(s.t, 2) },
		func() { c.restartBouncer(s.t) },
		func() { c.terminateBackends(s.t) },
		func() { c.crash(s.t, 3) },
	}
	all := len(faults)*times + 1
	for i := range all {
		s.proceed(ctx, (i+1)*s.wanted/(all+1))
		switch {
		case ctx.Err() != nil:
			return "gave up"
		case i < all-1:
			faults[i%len(faults)]()
		default:
			c.failOver(s.t)
		}
	}
	return fmt.Sprintf("killed processes %d times, drained one %d, ended all backends %d, killed and restarted PostgreSQL %d and PgBouncer %d, then failed over",
		3*times, times, 2*times, times, times)
}

// openSweeper returns a store that sweeps, which processes do but every quarter of an
// hour.
func openSweeper(t *testing.T, url string) *postgres.Store {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	db, err := database.Open(database.Config{URL: url, MaxConns: 2, Logger: logger, Bounds: database.UsualBounds()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return postgres.NewStore(db, postgres.Config{TrashRetention: syncRetention, Logger: logger})
}

// syncState is what both a copy and the table know of a todo.
type syncState struct {
	title                           string
	isCompleted, isPurged           bool
	createdAt, updatedAt, deletedAt int64 // In microseconds; 0 for never.
}

func stateOf(t *todov1.Todo) syncState {
	if t == nil {
		return syncState{}
	}
	s := syncState{
		title: t.GetTitle(), isCompleted: t.GetIsCompleted(), isPurged: t.GetPurged(),
		createdAt: t.GetCreatedAt().AsTime().UnixMicro(), updatedAt: t.GetUpdatedAt().AsTime().UnixMicro(),
	}
	if t.GetDeletedAt() != nil {
		s.deletedAt = t.GetDeletedAt().AsTime().UnixMicro()
	}
	return s
}

// syncTable returns a user's todos as the table has them.
func syncTable(t *testing.T, conn *pgx.Conn, user string) map[string]syncState {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT id::text, title, is_completed, purged, created_at, updated_at, COALESCE(deleted_at, 'epoch')
		FROM   todo
		WHERE  user_id = $1`, user)
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]syncState)
	var id string
	var is syncState
	var created, updated, deleted time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &is.title, &is.isCompleted, &is.isPurged, &created, &updated, &deleted}, func() error {
		is.createdAt, is.updatedAt, is.deletedAt = created.UnixMicro(), updated.UnixMicro(), deleted.UnixMicro()
		table[id] = is
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
