//go:build linux

package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
)

// writersAtOnce is enough for writes to be in batches all the time.
const writersAtOnce = 30

// updater is a user who changes a todo of theirs without a pause, each time to a
// title that nobody had before.
type updater struct {
	user, id string
	sent     int
	stored   map[string]bool // The titles whose change was acknowledged, or is in doubt if false.
}

// writers are updaters on one service.
type writers struct {
	todod  *stack.Todod
	client *http.Client
	calls  *inFlight
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	answers load.Answers
	users   []*updater
}

// startWriters has so many users change their todos, until the test ends or finish is
// called. The database notes each change that is stored.
func startWriters(t *testing.T, s *stack.Todod, database string, users int) *writers {
	t.Helper()
	pgtest.Exec(t, database, `
		CREATE TABLE stored (title text NOT NULL);
		CREATE FUNCTION note_stored() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN INSERT INTO stored VALUES (NEW.title); RETURN NEW; END $$;
		CREATE TRIGGER note_stored AFTER UPDATE ON todo FOR EACH ROW EXECUTE FUNCTION note_stored()`)
	w := &writers{todod: s, client: stack.NewClient(t, false), calls: newInFlight()}
	w.client.Timeout = load.CallTimeout
	for i := range users {
		user := fmt.Sprint("writer-", i)
		w.users = append(w.users, &updater{user: user, id: s.Create(t, w.client, user), stored: make(map[string]bool)})
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	w.stop = stop
	for i, u := range w.users {
		w.all.Go(func() {
			for ctx.Err() == nil {
				w.calls.do(i, func() { w.update(u) })
			}
		})
	}
	t.Cleanup(w.finish)
	return w
}

func (w *writers) update(u *updater) {
	u.sent++
	title := fmt.Sprintf("%s %s %d", stack.CanaryTitle, u.user, u.sent)
	a := changeTitle(w.client, w.todod, u.user, u.id, title)
	u.stored[title] = a.Status == http.StatusOK
	if a.Status == http.StatusOK {
		a.Body, a.Header = "", nil // There are many.
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, a)
}

// changeTitle changes the title of a user's todo.
func changeTitle(client *http.Client, s *stack.Todod, user, id, title string) stack.Answer {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPatch, s.URL+"/api/todos/"+id,
		strings.NewReader(fmt.Sprintf(`{"title":%q}`, title)))
	if err != nil {
		panic(err) // Its parts are all made here.
	}
	req.Header.Set("Authorization", s.Issuer.Bearer(user))
	req.Header.Set("Content-Type", stack.ContentTypeJSON)
	return stack.Send(client, req)
}

// finish ends the writes.
func (w *writers) finish() {
	w.stop()
	w.all.Wait()
}

// soFar returns the answers until now to what was sent since then.
func (w *writers) soFar(then time.Time) load.Answers {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers.Between(then, time.Now())
}

// since returns the answers to what was sent from then until now, once they are there.
func (w *writers) since(t *testing.T, then time.Time) load.Answers {
	t.Helper()
	until := w.calls.settle(t)
	return w.soFar(then).Between(then, until)
}

// check adds to a row what was stored of what was acknowledged, and how often.
func (w *writers) check(r *report.Row, database string) {
	r.T.Helper()
	w.finish()
	times := make(map[string]int)
	rows, err := stack.Session(r.T, database).Query(r.T.Context(), `SELECT title, count(*) FROM stored GROUP BY title`)
	if err != nil {
		r.T.Fatal(err)
	}
	var title string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&title, &n}, func() error { times[title] = n; return nil }); err != nil {
		r.T.Fatal(err)
	}
	acknowledged, lost, twice := 0, 0, 0
	for _, u := range w.users {
		for title, stored := range u.stored {
			if stored {
				acknowledged++
			}
			if stored && times[title] == 0 {
				lost++
			}
			if times[title] > 1 {
				twice++
			}
		}
	}
	report.AtLeast(r, "changes acknowledged", acknowledged, 1)
	r.None("of them not stored", lost)
	r.None("changes stored twice", twice)
}

// TestWritersBesideALockedRow has somebody else hold the lock of one user's row, who
// writes it nevertheless, while others write theirs.
func TestWritersBesideALockedRow(t *testing.T) {
	const duration = 4 * time.Second
	r := newRow(t, "writers in batches: one user's row locked")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	client := stack.NewClient(t, false)
	locked := s.Create(t, client, "locked")
	w := startWriters(t, s, database, writersAtOnce)
	b := startBystander(t, s)
	sent := 0
	b.throughTry(r, func(r *report.Row) {
		from := time.Now()
		unlock := lockRow(t, database, locked)
		defer unlock()
		var all sync.WaitGroup
		defer all.Wait()
		for until := time.Now().Add(duration); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			sent++
			all.Go(func() { changeTitle(client, s, "locked", locked, fmt.Sprint(stack.CanaryTitle, " locked ", sent)) })
		}
		unlock()
		served(r, "others' changes", w.since(t, from))
	})
	r.Did("held one row's lock for %v, wrote it %d times, and changed %d others' todos without a pause", duration, sent, writersAtOnce)
	w.check(r, database)
}

// lockRow locks a todo's row, until unlock is called.
func lockRow(t *testing.T, database, id string) (unlock func()) {
	t.Helper()
	tx, err := stack.Session(t, database).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM todo WHERE id = $1 FOR UPDATE`, id); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestLateWriteBatches makes one user's change take longer than a batch may, so that
// the batches that it is in are canceled before they commit.
func TestLateWriteBatches(t *testing.T) {
	const duration = 4 * time.Second
	r := newRow(t, "writers in batches: late before the commit")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	client := stack.NewClient(t, false)
	slow := s.Create(t, client, "slow")
	pgtest.Exec(t, database, `
		CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END $$;
		CREATE TRIGGER be_slow BEFORE UPDATE ON todo FOR EACH ROW WHEN (NEW.user_id = 'slow') EXECUTE FUNCTION be_slow()`)
	w := startWriters(t, s, database, writersAtOnce)
	r.Try(func(r *report.Row) {
		mark, from := s.Mark(), time.Now()
		var slows load.Answers
		for time.Since(from) < duration {
			slows = append(slows, changeTitle(client, s, "slow", slow, fmt.Sprint(stack.CanaryTitle, " slow ", len(slows))))
		}
		report.AtLeast(r, "slow changes", len(slows), 2)
		served(r, "slow changes", slows)
		served(r, "others' changes", w.since(t, from))
		report.AtMost(r, "slowest of them", requestsOf(s.Since(t, mark), "writer-").Slowest(), lateBound)
	})
	r.Did("changed one todo that takes 0.4 s over and over for %v, and %d others' todos without a pause", duration, writersAtOnce)
	w.check(r, database)
}

// lateBound is what a late batch may hold a write up, and what its own run takes on a
// machine where all run at once.
const lateBound = 2 * time.Second

// TestWritersWithoutTheirStandby has the primary wait for a synchronous standby that is
// away: commits take effect and are not acknowledged.
func TestWritersWithoutTheirStandby(t *testing.T) {
	const away = 3 * time.Second
	r := newRow(t, "writers in batches: a standby that is away")
	primary := pgtest.StartServer(t, nil)
	database := primary.URL()
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	admin := stack.Session(t, database)
	w := startWriters(t, s, database, writersAtOnce)
	reads := load.StartReads(t, s.URL, s.Issuer, 50)
	stack.Eventually(t, "writes are served", func() bool { return len(w.soFar(time.Time{}).With(http.StatusOK)) > writersAtOnce })

	stack.Execute(t, admin, `ALTER SYSTEM SET synchronous_standby_names = 'away'`)
	stack.Execute(t, admin, `SELECT pg_reload_conf()`)
	stack.Eventually(t, "a commit waits for the standby", func() bool {
		return stack.Ask[bool](t, admin, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')`)
	})
	from := time.Now()
	time.Sleep(away)
	during, readsDuring := w.soFar(from), reads.Since(from)
	stack.Execute(t, admin, `ALTER SYSTEM RESET synchronous_standby_names`)
	stack.Execute(t, admin, `SELECT pg_reload_conf()`)
	back := time.Now()
	recovered := stack.Eventually(t, "writes are served again", func() bool { return len(w.soFar(back).With(http.StatusOK)) > 0 })

	r.Did("had %d users change their todos while a synchronous standby was away for %v", writersAtOnce, away)
	report.AtLeast(r, "changes answered meanwhile", len(during), 1)
	r.None("of them acknowledged", len(during.With(http.StatusOK)))
	r.None("answered but by 503", len(during.Without(http.StatusServiceUnavailable)))
	r.None("reads failed", len(readsDuring.Failed()))
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	w.check(r, database)
}
