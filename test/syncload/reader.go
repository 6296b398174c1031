//go:build linux

package syncload

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// page is a page of changes, in either form.
type page interface {
	GetTodos() []*todov1.Todo
	GetNextSyncToken() string
	GetHasMore() bool
	GetReset_() bool
}

// reader keeps a copy of one user's todos, by the API.
type reader struct {
	*Run
	journal *journal
	habits  Habits

	token    string
	position []byte // In the token: revision and id.
	known    map[string]*todov1.Todo
	absent   []string // What was acknowledged, and is not in the copy: a sweep has removed it.
	checked  int      // So much of the journal has been found in the copy.
	received int      // Since it has begun.

	pages, resets, failures int
	ended                   int       // Streams that somebody else ended.
	since                   time.Time // It has no stream; zero while it has one, or wants none.
	without                 []time.Duration
}

func (r *reader) String() string { return fmt.Sprintf("%+v of %s", r.habits, r.journal.user) }

// run follows the changes until the journal has ended.
func (r *reader) run(ctx context.Context) {
	r.begin()
	for isAtEnd := false; !isAtEnd && ctx.Err() == nil; {
		var err error
		if r.habits.Watches || r.habits.Events {
			isAtEnd, err = r.watch(ctx)
		} else {
			isAtEnd, err = r.sync(ctx)
		}
		switch {
		case err == nil || ctx.Err() != nil:
		case IsOutage(err):
			r.pauseAfter(ctx, err)
		default:
			r.Fault("a reader of %s: %v", r, err)
		}
	}
}

// begin forgets everything.
func (r *reader) begin() {
	r.token, r.position, r.received = "", nil, 0
	r.known = make(map[string]*todov1.Todo)
}

// sync reads to the end, and waits for more. isAtEnd means that there will be no more.
func (r *reader) sync(ctx context.Context) (isAtEnd bool, err error) {
	for {
		before, grown, isEnded := r.journal.since(r.checked)
		req := &todov1.SyncTodosRequest{SyncToken: r.token, PageSize: r.habits.Size}
		if r.habits.Size == 0 {
			req.PageSize = int32(1 + rand.IntN(200))
		}
		if !isEnded {
			req.WaitSeconds = r.habits.Wait
		}
		page, err := r.any().SyncTodos(r.as(ctx, r.journal.user), req)
		if err != nil {
			r.failures++
			return false, err
		}
		r.take(page)
		if page.GetHasMore() {
			continue
		}
		r.check(before)
		if isEnded {
			return true, nil
		}
		r.rest(ctx, grown)
		return false, nil
	}
}

// rest waits until further changes were acknowledged, or begins anew.
func (r *reader) rest(ctx context.Context, grown <-chan struct{}) {
	if r.habits.Restart > 0 && rand.IntN(r.habits.Restart) == 0 {
		r.begin()
		return
	}
	for r.habits.Wait == 0 {
		select {
		case <-ctx.Done():
			return
		case <-grown:
		}
		further, next, isEnded := r.journal.since(r.checked)
		if isEnded || len(further) >= r.habits.Away {
			return
		}
		grown = next
	}
}

// take puts a page into the copy.
func (r *reader) take(p page) {
	r.pages++
	if p.GetReset_() {
		r.resets++
		r.begin()
	}
	for _, changed := range p.GetTodos() {
		before, found := r.known[changed.GetId()]
		if found && !changed.GetUpdatedAt().AsTime().After(before.GetUpdatedAt().AsTime()) {
			r.Fault("a reader of %s was given %v after %v", r, changed, before)
		}
		r.known[changed.GetId()] = changed
		r.received++
	}
	r.token = p.GetNextSyncToken()
	raw, err := base64.RawURLEncoding.DecodeString(r.token)
	if err != nil || len(raw) < 29 {
		r.Fault("a reader of %s was given the token %q: %v", r, r.token, err)
		return
	}
	position := raw[5:29] // See internal/rpc/synctoken.go.
	if order := bytes.Compare(r.position, position); order > 0 || order == 0 && len(p.GetTodos()) > 0 {
		r.Fault("a reader of %s is at %x after %x, with %d todos", r, position, r.position, len(p.GetTodos()))
	}
	r.position = position
}

// check looks for changes that were acknowledged before the last pages were asked for.
func (r *reader) check(acknowledged []change) {
	r.checked += len(acknowledged)
	for _, change := range acknowledged {
		switch got, found := r.known[change.id]; {
		case change.id == "": // The trash was emptied.
		case !found:
			r.absent = append(r.absent, change.id)
		case got.GetUpdatedAt().AsTime().Before(change.at):
			r.Fault("a reader of %s has missed a change of %s at %v: it has %v", r, change.id, change.at, got)
			return
		}
	}
}

// compare returns how the copy differs from the table. It may have more than that:
// deleted todos that were removed since.
func (r *reader) compare(table map[string]State) (missed []string) {
	for id, is := range table {
		if known := r.known[id]; stateOf(known) != is {
			missed = append(missed, fmt.Sprintf("a reader of %s has %v, the table %+v", r, known, is))
		}
	}
	for id, known := range r.known {
		if _, found := table[id]; !found && known.GetDeletedAt() == nil {
			missed = append(missed, fmt.Sprintf("a reader of %s has %v, the table does not", r, known))
		}
	}
	for _, id := range r.absent {
		if is, found := table[id]; found {
			missed = append(missed, fmt.Sprintf("a reader of %s did not have the acknowledged %s: %+v", r, id, is))
		}
	}
	// Emptying the trash, one acknowledged change, changes each todo once in its life.
	if most := len(r.journal.acknowledged) + r.journal.doubtful + 2*r.journal.added; r.received > most {
		missed = append(missed, fmt.Sprintf("a reader of %s was given %d changes of %d", r, r.received, most))
	}
	return missed
}
