package postgres_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// habits are how a reader reads.
type habits struct {
	size    int // Of its pages; 0 for another one each time.
	away    int // How many changes it lets pass when it has read all.
	restart int // It begins anew one time in so many, when it has read all; 0 for never.
	pause   int // How many changes it lets pass after a page that is not the last, now and then.
}

func allHabits() []habits {
	return []habits{
		{size: 1},
		{size: 2},
		{size: 200},
		{},
		{size: 3, restart: 20},
		{restart: 10},
		{size: 50, away: 100},
		{away: 400},
		{size: 5, away: 100, pause: 200},
	}
}

// gaplessReader keeps a copy of one user's todos, as a client does.
type gaplessReader struct {
	*simulation
	journal *journal
	habits  habits

	at       *todo.SyncPosition // nil before the first page.
	last     todo.SyncPosition  // The last change that it was given.
	known    map[todo.ID]todo.Todo
	absent   []todo.ID // What was acknowledged, and is not in the copy: a sweep has removed it.
	checked  int       // So much of the journal has been found in the copy.
	received int       // Since it has begun.

	pages, resets int
}

// run follows the changes until the journal has ended.
func (r *gaplessReader) run(ctx context.Context) {
	r.begin()
	for ctx.Err() == nil {
		before, grown, isEnded := r.journal.since(r.checked)
		hasMore := r.read(ctx)
		if hasMore && !isEnded && r.habits.pause > 0 && rand.IntN(5) == 0 {
			r.wait(ctx, grown, len(before)+r.habits.pause)
		}
		if hasMore || ctx.Err() != nil {
			continue
		}
		r.check(before)
		if isEnded {
			return
		}
		if r.habits.restart > 0 && rand.IntN(r.habits.restart) == 0 {
			r.begin()
			continue
		}
		r.wait(ctx, grown, r.habits.away)
	}
}

// begin forgets everything.
func (r *gaplessReader) begin() {
	r.at, r.last, r.received = nil, *noChange(), 0
	r.known = make(map[todo.ID]todo.Todo)
}

// noChange is before every change.
func noChange() *todo.SyncPosition { return &todo.SyncPosition{Revision: -1} }

// read reads a page from one of the stores.
func (r *gaplessReader) read(ctx context.Context) (hasMore bool) {
	size := r.habits.size
	if size == 0 {
		size = 1 + rand.IntN(200)
	}
	page, err := r.stores[rand.IntN(len(r.stores))].ListChanges(ctx, r.journal.owner, r.at, size)
	if err != nil {
		if ctx.Err() == nil {
			r.fault("list changes: %v", err)
		}
		return false
	}
	r.pages++
	if page.IsReset {
		r.resets++
		r.begin()
	}
	if len(page.Todos) > size {
		r.fault("a page of %d has %d todos", size, len(page.Todos))
	}
	for _, changed := range page.Todos {
		if changed.Revision < r.last.Revision || changed.Revision == r.last.Revision && bytes.Compare(changed.ID[:], r.last.ID[:]) <= 0 {
			r.fault("after the change (%d, %s) comes (%d, %s)", r.last.Revision, r.last.ID, changed.Revision, changed.ID)
		}
		r.last.Revision, r.last.ID = changed.Revision, changed.ID
		r.known[changed.ID] = changed
		r.received++
	}
	if page.Next.Revision < r.last.Revision {
		r.fault("after the change (%d, %s) the position is %+v", r.last.Revision, r.last.ID, page.Next)
	}
	if !page.HasMore {
		r.last = page.Next
	}
	r.at = &page.Next
	return page.HasMore
}

// check looks for changes that were acknowledged before the last page was asked for.
func (r *gaplessReader) check(acknowledged []acknowledged) {
	r.checked += len(acknowledged)
	for _, change := range acknowledged {
		switch got, found := r.known[change.id]; {
		case !found:
			r.absent = append(r.absent, change.id)
		case got.Revision < change.revision:
			r.fault("%s of %s, changed at %d, was acknowledged before a reader of %+v asked for all changes, and it has that of %d",
				change.id, r.journal.owner, change.revision, r.habits, got.Revision)
			return
		}
	}
}

// wait waits until changes have been acknowledged, so many beyond those that were checked.
func (r *gaplessReader) wait(ctx context.Context, grown <-chan struct{}, changes int) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-grown:
		}
		further, next, isEnded := r.journal.since(r.checked)
		if isEnded || len(further) >= changes {
			return
		}
		grown = next
	}
}

// compare compares the copies, and what the writers know, with the table.
func (s *simulation) compare() {
	for _, j := range s.journals {
		table := s.table(j.owner)
		for _, alive := range j.alive {
			if is, found := table[alive.ID]; !found || !is.DeletedAt.IsZero() || is.Revision < alive.Revision {
				s.fault("%s of %s is lost: the table has %+v, acknowledged was %+v", alive.ID, j.owner, is, alive)
			}
		}
		for _, r := range s.readers {
			if r.journal == j {
				r.compare(table)
			}
		}
	}
	for d := range numDeeds {
		if s.did[d].Load() == 0 {
			s.fault("no todos were %s", d)
		}
	}
	resets := 0
	for _, r := range s.readers {
		resets += r.resets
	}
	if resets == 0 || s.swept.Load() == 0 {
		s.fault("%d resets, %d todos swept, want some", resets, s.swept.Load())
	}
}

// compare compares the reader's copy with the table. It may have more than that: deleted
// todos that were removed since.
func (r *gaplessReader) compare(table map[todo.ID]todo.Todo) {
	copied := make(map[todo.ID]todo.Todo)
	for id, known := range r.known {
		if _, found := table[id]; found || known.DeletedAt.IsZero() {
			copied[id] = known
		}
	}
	if diff := cmp.Diff(table, copied); diff != "" {
		r.fault("the copy of a reader of %+v of %s (-table +copy):\n%s", r.habits, r.journal.owner, diff)
	}
	for _, id := range r.absent {
		if is, found := table[id]; found {
			r.fault("a reader of %+v of %s did not have the acknowledged %+v", r.habits, r.journal.owner, is)
		}
	}
	// EmptyTrash, one acknowledged change, changes each todo once in its life at most.
	if most := len(r.journal.acknowledged) + 2*r.journal.creates; r.received > most {
		r.fault("a reader of %+v of %s was given %d changes of %d", r.habits, r.journal.owner, r.received, most)
	}
}

// table returns an owner's todos as the table has them.
func (s *simulation) table(owner todo.UserID) map[todo.ID]todo.Todo {
	rows, err := pgtest.Connect(s.t, s.url).Query(s.t.Context(), `
		SELECT id, title, COALESCE(description, ''), is_completed, created_at, updated_at, revision, deleted_at, purged, completed_at
		FROM   todo
		WHERE  user_id = $1`, owner.String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	table := make(map[todo.ID]todo.Todo)
	for rows.Next() {
		var is todo.Todo
		var deletedAt, completedAt *time.Time
		if err := rows.Scan((*[16]byte)(&is.ID), &is.Title, &is.Description, &is.IsCompleted, &is.CreatedAt, &is.UpdatedAt, &is.Revision, &deletedAt, &is.IsPurged, &completedAt); err != nil {
			s.t.Fatal(err)
		}
		is.CreatedAt, is.UpdatedAt, is.Version = is.CreatedAt.UTC(), is.UpdatedAt.UTC(), todo.VersionAt(is.UpdatedAt)
		if deletedAt != nil {
			is.DeletedAt, is.PurgeAt = deletedAt.UTC(), deletedAt.Add(gaplessRetention).UTC()
		}
		if completedAt != nil {
			is.CompletedAt = completedAt.UTC()
		}
		table[is.ID] = is
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return table
}
