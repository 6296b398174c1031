//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	// readersAtOnce is enough for reads to be in batches all the time.
	readersAtOnce = 30

	// heldUp is the longest time that others may delay a read: while it waits for a
	// batch, and within its batch. Bounds have several of it, for a machine on which all
	// run at once.
	heldUp = 500 * time.Millisecond
)

// readers read their own todos without a pause, and check that they get their own.
type readers struct {
	todod  *stack.Todod
	client *http.Client
	owned  map[string][]string // Ids of todos, by user.
	calls  *inFlight
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	answers load.Answers
	wrong   []string // What came and is not theirs.
}

// newReaders makes todos for users.
func newReaders(t *testing.T, s *stack.Todod, todos int, users ...string) *readers {
	t.Helper()
	r := &readers{todod: s, client: stack.NewClient(t, false), owned: make(map[string][]string), calls: newInFlight()}
	for _, user := range users {
		for range todos {
			r.owned[user] = append(r.owned[user], s.CreateTitled(t, r.client, user, stack.CanaryTitle+" of "+user))
		}
	}
	return r
}

// startReaders has readersAtOnce callers read, several of each of some users,
// until the test ends or finish is called.
func startReaders(t *testing.T, s *stack.Todod) *readers {
	t.Helper()
	users := make([]string, 20)
	for i := range users {
		users[i] = fmt.Sprint("reader-", i)
	}
	r := newReaders(t, s, 3, users...)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r.stop = stop
	for i := range readersAtOnce {
		r.all.Go(func() {
			for ctx.Err() == nil {
				r.calls.do(i, func() {
					a := r.read(context.Background(), users[i%len(users)])
					r.mu.Lock()
					defer r.mu.Unlock()
					r.answers = append(r.answers, a)
				})
			}
		})
	}
	t.Cleanup(func() { r.finish() })
	return r
}

// read gets one of a user's todos, or lists them.
func (r *readers) read(ctx context.Context, user string) stack.Answer {
	one := mathrand.N(2) == 0
	path, ids := "?pageSize=20", r.owned[user]
	if one {
		ids = []string{ids[mathrand.N(len(ids))]}
		path = "/" + ids[0]
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.todod.URL+"/api/todos"+path, nil)
	if err != nil {
		panic(err) // Its parts are all made here.
	}
	req.Header.Set("Authorization", r.todod.Issuer.Bearer(user))
	a := stack.Send(r.client, req)
	if a.Status != http.StatusOK {
		return a
	}
	var page struct{ Todos []load.Todo }
	if one {
		page.Todos = make([]load.Todo, 1)
		err = json.Unmarshal([]byte(a.Body), &page.Todos[0])
	} else {
		err = json.Unmarshal([]byte(a.Body), &page)
	}
	got := make(map[string]bool)
	theirs := err == nil
	for _, one := range page.Todos {
		got[one.ID] = true
		theirs = theirs && one.Title == stack.CanaryTitle+" of "+user
	}
	if theirs = theirs && slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(ids))); !theirs {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.wrong = append(r.wrong, fmt.Sprintf("%s asked for %s and got %s", user, path, a.Body))
	}
	a.Body, a.Header = "", nil // There are many.
	return a
}

// finish ends the reads and returns their answers.
func (r *readers) finish() load.Answers {
	r.stop()
	r.all.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers
}

// since returns the answers to what was sent from then until now, once they are there.
func (r *readers) since(t *testing.T, then time.Time) load.Answers {
	t.Helper()
	until := r.calls.settle(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers.Between(then, until)
}

// check ends the reads and adds the figures that each of these rows has.
func (r *readers) check(row *report.Row) {
	row.T.Helper()
	row.Note("reads", len(r.finish()))
	row.None("answered with what is not the caller's", len(r.wrong))
	for _, wrong := range r.wrong[:min(5, len(r.wrong))] {
		row.T.Error(wrong)
	}
}

// batched adds to a row how many reads were in a transaction with others.
func (r *readers) batched(row *report.Row, database service) {
	row.T.Helper()
	r.finish()
	report.AtLeast(row, "reads more than transactions", len(r.finish())-database.transactions(row.T), 200)
}

func TestReadersInBatches(t *testing.T) {
	const duration, kills = 3 * time.Second, 10
	t.Run("killed", func(t *testing.T) {
		r := newRow(t, "readers in batches: backends killed")
		database := pgtest.NewDatabase(t)
		s := startTodod(t, stack.StartIssuer(t), database, nil)
		l := startReaders(t, s)
		service := lookAt(t, database)
		r.Try(func(r *report.Row) {
			from := time.Now()
			report.AtLeast(r, "killed", service.kill(t, l.calls, kills), kills)
			served(r, "reads", l.since(t, from))
		})
		r.Did("killed %d backends in the middle of a read, one after the other, with %d readers at once", kills, readersAtOnce)
		l.check(r)
		l.batched(r, service)
	})
	t.Run("slow", func(t *testing.T) {
		const slowness = 3 * time.Second
		r := newRow(t, "readers in batches: one user's rows slow")
		database := pgtest.NewDatabase(t)
		s := startTodod(t, stack.StartIssuer(t), database, nil)
		service := lookAt(t, database)
		slow := newReaders(t, s, 1, "slow")
		pgtest.Exec(t, database, fmt.Sprintf(`
			ALTER TABLE todo RENAME TO todo_rows;
			CREATE VIEW todo AS
				SELECT id, title, description, is_completed, user_id, created_at, updated_at, revision, deleted_at, purged,
				       completed_at, due_date, due_time, due_time_zone, due_at, priority, tags, position
				FROM   todo_rows
				WHERE  user_id <> 'slow' OR pg_sleep(%v) IS NOT NULL`, slowness.Seconds()))
		l := startReaders(t, s) // Whose todos go through the view.
		r.Try(func(r *report.Row) {
			mark, from := s.Mark(), time.Now()
			var slows load.Answers
			for range 2 { // Each comes in among the others.
				done := make(chan stack.Answer, 2)
				for range cap(done) {
					go func() { done <- slow.read(context.Background(), "slow") }()
				}
				for range cap(done) {
					slows = append(slows, <-done)
				}
			}
			served(r, "slow reads", slows)
			served(r, "the others", l.since(t, from))
			logged := s.Since(t, mark)
			others := requestsOf(logged, "reader-")
			report.AtMost(r, "slowest slow read", requestsOf(logged, "slow").Slowest(), slowness+3*heldUp)
			report.AtMost(r, "p99 of the others", others.P99(), 2*heldUp)
			report.AtMost(r, "slowest of the others", others.Slowest(), 4*heldUp)
		})
		r.Did("%d readers at once, and a user of whose todos each row takes %v", readersAtOnce, slowness)
		r.None("slow readers answered with what is not theirs", len(slow.wrong))
		l.check(r)
		l.batched(r, service)
	})
	t.Run("leaving", func(t *testing.T) {
		r := newRow(t, "readers in batches: callers leave")
		const waves, leaving = 10, 200
		database := pgtest.NewDatabase(t)
		s := startTodod(t, stack.StartIssuer(t), database, nil)
		service := lookAt(t, database)
		l := startReaders(t, s)
		others := newReaders(t, s, 3, "leaving")
		r.Try(func(r *report.Row) {
			from, left := time.Now(), load.Answers{}
			for range waves {
				var mu sync.Mutex
				var wave sync.WaitGroup
				for range leaving {
					wave.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), mathrand.N(100*time.Millisecond))
						defer cancel()
						a := others.read(ctx, "leaving")
						mu.Lock()
						defer mu.Unlock()
						left = append(left, a)
					})
				}
				time.Sleep(duration / waves) // Readers go on beside them.
				wave.Wait()
			}
			report.AtLeast(r, "left without an answer", len(left.With(0)), waves*leaving/10) // The others were faster.
			served(r, "who did not leave", left.Without(0))
			served(r, "the others", l.since(t, from))
		})
		l.finish()
		idle := stack.Eventually(t, "no backend runs a statement", func() bool { return service.active(t) == 0 })
		r.Did("%d readers at once, and %d times %d who leave within 100 ms", readersAtOnce, waves, leaving)
		report.AtMost(r, "backends idle within", idle, time.Second+machineSlack)
		r.None("of them answered with what is not theirs", len(others.wrong))
		l.check(r)
		l.batched(r, service)
	})
	t.Run("pgbouncer", func(t *testing.T) {
		r := newRow(t, "readers in batches: PgBouncer")
		database := pgtest.NewDatabase(t)
		b := startPgBouncer(t, database, "default_pool_size = 8")
		s := startTodod(t, stack.StartIssuer(t), stack.ThroughHost(database, b.address)+execMode, nil)
		service := lookAt(t, database)
		l := startReaders(t, s)
		r.Try(func(r *report.Row) {
			from := time.Now()
			time.Sleep(duration) // Readers read.
			served(r, "reads", l.since(t, from))
		})
		r.Did("%d readers at once for %v, through 8 connections in transaction mode", readersAtOnce, duration)
		l.check(r)
		l.batched(r, service)
	})
}
