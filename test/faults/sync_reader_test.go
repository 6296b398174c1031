//go:build linux

package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// syncHabits are how a reader follows changes.
type syncHabits struct {
	size    int32 // Of its pages; 0 for another one each time.
	away    int   // How many changes it lets pass when it has read all.
	restart int   // It begins anew one time in so many, when it has read all; 0 for never.
	waits   bool  // By long polls.
	watches bool  // By a stream.
}

func allSyncHabits() []syncHabits {
	return []syncHabits{
		{size: 1},
		{size: 200},
		{},
		{size: 3, restart: 10},
		{restart: 5},
		{size: 50, away: 100},
		{away: 400},
		{size: 7, waits: true},
		{waits: true},
		{watches: true},
		{watches: true, restart: 20},
		{watches: true, away: 150},
		{watches: true},
	}
}

// syncPage is a page of changes, in either form.
type syncPage interface {
	GetTodos() []*todov1.Todo
	GetNextSyncToken() string
	GetHasMore() bool
	GetReset_() bool
}

// syncReader keeps a copy of one user's todos, by the API.
type syncReader struct {
	*syncRun
	journal *syncJournal
	habits  syncHabits

	token    string
	position []byte // In the token: revision and id.
	known    map[string]*todov1.Todo
	absent   []string // What was acknowledged, and is not in the copy: a sweep has removed it.
	checked  int      // So much of the journal has been found in the copy.
	received int      // Since it has begun.

	pages, resets, failures int
}

func (r *syncReader) String() string { return fmt.Sprintf("%+v of %s", r.habits, r.journal.user) }

// run follows the changes until the journal has ended.
func (r *syncReader) run(ctx context.Context) {
	r.begin()
	for isAtEnd := false; !isAtEnd && ctx.Err() == nil; {
		var err error
		if r.habits.watches {
			isAtEnd, err = r.watch(ctx)
		} else {
			isAtEnd, err = r.sync(ctx)
		}
		switch {
		case err == nil || ctx.Err() != nil:
		case isOutage(err):
			r.failures++
			pause(ctx, retryPause)
		default:
			r.fault("a reader of %s: %v", r, err)
		}
	}
}

// begin forgets everything.
func (r *syncReader) begin() {
	r.token, r.position, r.received = "", nil, 0
	r.known = make(map[string]*todov1.Todo)
}

// sync reads to the end, and waits for more. isAtEnd means that there will be no more.
func (r *syncReader) sync(ctx context.Context) (isAtEnd bool, err error) {
	for {
		before, grown, isEnded := r.journal.since(r.checked)
		req := &todov1.SyncTodosRequest{SyncToken: r.token, PageSize: r.habits.size}
		if r.habits.size == 0 {
			req.PageSize = int32(1 + rand.IntN(200))
		}
		if r.habits.waits && !isEnded {
			req.WaitSeconds = 1
		}
		page, err := r.any().SyncTodos(r.as(ctx, r.journal.user), req)
		if err != nil {
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
func (r *syncReader) rest(ctx context.Context, grown <-chan struct{}) {
	if r.habits.restart > 0 && rand.IntN(r.habits.restart) == 0 {
		r.begin()
		return
	}
	for !r.habits.waits {
		select {
		case <-ctx.Done():
			return
		case <-grown:
		}
		further, next, isEnded := r.journal.since(r.checked)
		if isEnded || len(further) >= r.habits.away {
			return
		}
		grown = next
	}
}

// watch reads a stream until that ends, or the reader leaves it.
func (r *syncReader) watch(ctx context.Context) (isAtEnd bool, err error) {
	streaming, leave := context.WithCancel(ctx)
	defer leave()
	// What was acknowledged before the stream began is in its pages up to the first end.
	before, grown, isEnded := r.journal.since(r.checked)
	stream, err := r.any().WatchTodos(r.as(streaming, r.journal.user), &todov1.WatchTodosRequest{SyncToken: r.token})
	if err != nil {
		return false, err
	}
	defer func() { _ = stream.Close() }() // It ends by its context.
	go func() {                           // A reader who waits for changes does not notice the end of the journal.
		select {
		case <-streaming.Done():
		case <-r.written:
			if !isEnded {
				leave() // It comes again, for the rest.
			}
		}
	}()
	for stream.Receive() {
		page := stream.Msg()
		r.take(page)
		if page.GetHasMore() {
			continue
		}
		if before != nil {
			r.check(before)
			before = nil
		}
		switch {
		case isEnded:
			return true, nil
		case r.habits.away > 0:
			leave()
			r.rest(ctx, grown)
			return false, nil
		case r.habits.restart > 0 && rand.IntN(r.habits.restart) == 0:
			r.begin()
			return false, nil
		}
	}
	if err := stream.Err(); err != nil && (streaming.Err() == nil || ctx.Err() != nil) {
		return false, err
	}
	return false, nil
}

// take puts a page into the copy.
func (r *syncReader) take(page syncPage) {
	r.pages++
	if page.GetReset_() {
		r.resets++
		r.begin()
	}
	for _, changed := range page.GetTodos() {
		before, found := r.known[changed.GetId()]
		if found && !changed.GetUpdatedAt().AsTime().After(before.GetUpdatedAt().AsTime()) {
			r.fault("a reader of %s was given %v after %v", r, changed, before)
		}
		r.known[changed.GetId()] = changed
		r.received++
	}
	r.token = page.GetNextSyncToken()
	raw, err := base64.RawURLEncoding.DecodeString(r.token)
	if err != nil || len(raw) < 29 {
		r.fault("a reader of %s was given the token %q: %v", r, r.token, err)
		return
	}
	position := raw[5:29] // See internal/rpc/synctoken.go.
	if order := bytes.Compare(r.position, position); order > 0 || order == 0 && len(page.GetTodos()) > 0 {
		r.fault("a reader of %s is at %x after %x, with %d todos", r, position, r.position, len(page.GetTodos()))
	}
	r.position = position
}

// check looks for changes that were acknowledged before the last pages were asked for.
func (r *syncReader) check(acknowledged []syncChange) {
	r.checked += len(acknowledged)
	for _, change := range acknowledged {
		switch got, found := r.known[change.id]; {
		case change.id == "": // The trash was emptied.
		case !found:
			r.absent = append(r.absent, change.id)
		case got.GetUpdatedAt().AsTime().Before(change.at):
			r.fault("a reader of %s has missed a change of %s at %v: it has %v", r, change.id, change.at, got)
			return
		}
	}
}

// compare returns how the copy differs from the table. It may have more than that:
// deleted todos that were removed since.
func (r *syncReader) compare(table map[string]syncState) (missed []string) {
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
