package postgres_test

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

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

var changesWanted = flag.Int("changes", 20_000, "how many `changes` TestSyncMissesNothing makes")

const (
	// gaplessRetention is short, so that trash is swept while it is also restored.
	gaplessRetention = 250 * time.Millisecond

	// slowSweep makes a sweep wait between its snapshot and its locks. What happens in
	// between is what it has to look at again.
	slowSweep = `
		CREATE FUNCTION slow_sweep() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
		CREATE TRIGGER slow_sweep BEFORE DELETE ON todo FOR EACH STATEMENT EXECUTE FUNCTION slow_sweep()`

	gaplessStores = 4  // With pools of their own, as processes have.
	sharedWriters = 8  // Of the one user with many writers.
	singleWriters = 12 // Users with one writer each.
	sweepers      = 2
)

// TestSyncMissesNothing is the promise of sync: whoever follows the changes of a user has
// what the table has, whatever happens at the same time. Writers change todos in every
// way that there is, sweeps remove old trash, and readers follow by pages of all sizes.
func TestSyncMissesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	pgtest.Exec(t, url, slowSweep)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &simulation{t: t, url: url, stop: stop}
	for range gaplessStores {
		s.stores = append(s.stores, postgres.NewStore(databasetest.Open(t, url, 12), postgres.Config{
			TrashRetention: gaplessRetention, Logger: slog.New(slog.DiscardHandler),
		}))
	}
	shared := newJournal(user(t, "shared"))
	s.addWriters(shared, sharedWriters)
	for _, habits := range allHabits() {
		s.addReader(shared, habits)
	}
	for i := range singleWriters {
		single := newJournal(user(t, fmt.Sprint("single-", i)))
		s.addWriters(single, 1)
		s.addReader(single, allHabits()[i%len(allHabits())])
	}
	s.run(ctx)
	if !t.Failed() {
		s.compare()
	}
	t.Logf("%d changes: %s", s.changes.Load(), s.summary())
}

// simulation is what happens at once in one database.
type simulation struct {
	t        *testing.T
	url      string
	stop     context.CancelFunc // Ends all of it, after a fault.
	stores   []*postgres.Store
	journals []*journal
	writers  []*gaplessWriter
	readers  []*gaplessReader

	changes atomic.Int64
	swept   atomic.Int64
	did     [numDeeds]atomic.Int64
}

// fault says what is wrong, and ends the simulation.
func (s *simulation) fault(format string, args ...any) {
	s.t.Errorf(format, args...)
	s.stop()
}

func (s *simulation) addWriters(j *journal, n int) {
	s.journals = append(s.journals, j)
	for range n {
		s.writers = append(s.writers, &gaplessWriter{
			simulation: s, journal: j, store: s.stores[len(s.writers)%len(s.stores)],
		})
	}
}

func (s *simulation) addReader(j *journal, habits habits) {
	s.readers = append(s.readers, &gaplessReader{simulation: s, journal: j, habits: habits})
}

// run writes, reads and sweeps until there are as many changes as wanted, and the readers
// have come to their end.
func (s *simulation) run(ctx context.Context) {
	var writing, reading, sweeping sync.WaitGroup
	for _, w := range s.writers {
		writing.Go(func() { w.run(ctx) })
	}
	for _, r := range s.readers {
		reading.Go(func() { r.run(ctx) })
	}
	sweep, enough := context.WithCancel(ctx)
	for i := range sweepers {
		sweeping.Go(func() {
			for sweep.Err() == nil {
				n, err := s.stores[i].Sweep(sweep)
				s.swept.Add(int64(n))
				if err != nil && sweep.Err() == nil {
					s.fault("sweep: %v", err)
				}
			}
		})
	}
	writing.Wait()
	enough()
	sweeping.Wait()
	for _, j := range s.journals {
		j.end()
	}
	reading.Wait()
}

func (s *simulation) summary() string {
	resets, pages := 0, 0
	for _, r := range s.readers {
		resets += r.resets
		pages += r.pages
	}
	text := fmt.Sprintf("%d pages read, %d resets, %d swept", pages, resets, s.swept.Load())
	for d := range numDeeds {
		text += fmt.Sprintf(", %d %s", s.did[d].Load(), d)
	}
	return text
}

// deed is a way to change todos.
type deed int

const (
	created deed = iota
	updated
	updatedIf
	deleted
	deletedIf
	purged
	undeleted
	emptied
	numDeeds
)

func (d deed) String() string {
	return [numDeeds]string{
		"created", "updated", "updated by version", "deleted", "deleted by version", "deleted permanently", "undeleted", "times emptied",
	}[d]
}

// gaplessWriter changes one user's todos without a pause.
type gaplessWriter struct {
	*simulation
	journal *journal
	store   *postgres.Store
	n       int
}

func (w *gaplessWriter) run(ctx context.Context) {
	for ctx.Err() == nil && w.changes.Load() < int64(*changesWanted) {
		d := w.choose()
		isDone, err := w.do(ctx, d)
		switch {
		case err == nil && isDone:
			w.did[d].Add(1)
			w.changes.Add(1)
		case err == nil, errors.Is(err, todo.ErrNotFound), errors.Is(err, todo.ErrConflict), ctx.Err() != nil:
		default:
			w.fault("%s: %v", d, err)
		}
	}
}

// choose chooses what to do next, so that there are neither few todos nor many.
func (w *gaplessWriter) choose() deed {
	few, many := 20, 300
	n := w.journal.count()
	switch p := rand.IntN(100); {
	case n < few, p < 22 && n < many:
		return created
	case p < 52:
		return updated
	case p < 60:
		return updatedIf
	case p < 74:
		return deleted
	case p < 80:
		return deletedIf
	case p < 84:
		return purged
	case p < 98:
		return undeleted
	}
	return emptied
}

// do changes something, if there is something to be changed so. A todo that is deleted
// is taken out of the journal before, so what is in there has to exist.
func (w *gaplessWriter) do(ctx context.Context, d deed) (isDone bool, err error) {
	w.n++
	title := fmt.Sprint(d, " ", w.n)
	j, owner := w.journal, w.journal.owner
	var got todo.Todo
	switch d {
	case created:
		got, err = w.store.CreateTodo(ctx, owner, draft(title))
		if err == nil {
			j.add(got)
		}
	case updated, updatedIf:
		is, found := j.look()
		if !found {
			return false, nil
		}
		change := todo.Change{Title: &title, IsCompleted: new(w.n%2 == 0)}
		if d == updatedIf {
			change.If = is.Version
		}
		got, err = w.store.UpdateTodo(ctx, owner, is.ID, change)
		if err == nil {
			j.changed(got)
		}
	case deleted, deletedIf, purged:
		is, found := j.take()
		if !found {
			return false, nil
		}
		deletion := todo.Deletion{Permanently: d == purged}
		if d == deletedIf {
			deletion.If = is.Version
		}
		err = w.store.DeleteTodo(ctx, owner, is.ID, deletion)
		switch {
		case errors.Is(err, todo.ErrConflict):
			j.putBack(is)
		case err != nil && ctx.Err() == nil:
			return false, fmt.Errorf("%s, which has to be there: %s", is.ID, err.Error())
		case err == nil && d != purged:
			j.bin(is)
		}
	case undeleted:
		is, found := j.takeTrash()
		if !found {
			return false, nil
		}
		got, err = w.store.UndeleteTodo(ctx, owner, is.ID, todo.Version{})
		if err == nil {
			j.add(got)
		}
	default:
		err = w.store.EmptyTrash(ctx, owner)
	}
	return err == nil, err
}
