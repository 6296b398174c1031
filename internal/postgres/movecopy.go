package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/todo-backend/internal/todo"
)

// copy replaces what the target has of the user by what the source has.
func (m *Move) copy(ctx context.Context, from moveAccount) error {
	var todos, requests int
	var failed *sideError
	err := m.atTarget(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		isCopied, err := hasCopied(from, now)
		if err == nil && isCopied {
			err = errChanged
		}
		if err == nil {
			_, _, err = s.removeMoved(ctx, m.User)
		}
		if err == nil {
			todos, err = m.copyRows(ctx, s, m.From.todosToMove, false)
		}
		if err == nil {
			requests, err = m.copyRows(ctx, s, m.From.requestsToMove(time.Time{}), true)
		}
		if err == nil {
			err = s.setArriving(ctx, m.User, from.nextEpoch(), max(from.Revision, now.Revision)+1)
		}
		if atSource, ok := errors.AsType[*sideError](err); ok {
			failed, err = atSource, errAtSource
		}
		return err
	})
	if errors.Is(err, errAtSource) {
		err = failed
	}
	if reason, isRefusal := whyNotCopied(err); isRefusal {
		// This can't succeed. Nobody would know that the source stays sealed.
		if err := m.giveUp(ctx, from, m.removeCopy); err != nil {
			return fmt.Errorf("%s, and the move could not be aborted: %w; run it with -abort", reason, err)
		}
		return refusef("%s: the user is at the source as before", reason)
	}
	if err == nil {
		m.tell(ctx, "copied", slog.Int("todos", todos), slog.Int("requests", requests))
	}
	return err
}

// whyNotCopied returns the reason for which a copy can't succeed, if that is so.
func whyNotCopied(err error) (reason string, isRefusal bool) {
	if refused, ok := errors.AsType[*MoveRefusedError](err); ok {
		return refused.Reason, true
	}
	taken, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || taken.Code != uniqueViolation || taken.TableName != "todo" {
		return "", false
	}
	return fmt.Sprintf("another user of the target has a todo with an id of this one (%s): one of the two needs another id, see docs/operations.md", taken.Detail), true
}

// copyRows copies rows that read returns from the source to a store, and returns how many.
func (m *Move) copyRows(ctx context.Context, to *Store, read reading, areRequests bool) (int, error) {
	fromSource := func(ctx context.Context, owner todo.UserID, after movedRow) ([]movedRow, error) {
		rows, err := read(ctx, owner, after)
		return rows, onSide("source", err)
	}
	return eachBatch(ctx, m.User, fromSource, func(rows []movedRow) error { return to.addMoved(ctx, m.User, rows, areRequests) })
}

// uniqueViolation is PostgreSQL's code for a key that is there already.
const uniqueViolation = "23505"

// compare fails unless both databases have the same rows.
func (m *Move) compare(ctx context.Context, _ moveAccount) error {
	now, err := m.From.clock(ctx)
	if err != nil {
		return onSide("source", err)
	}
	// A sweep may have forgotten requests that are older than this.
	since := now.Add(time.Hour - todo.RequestRetention)
	var found [2]digest
	for i, s := range []*Store{m.From, m.To} {
		err := s.transact(ctx, m.User.String(), false, func(ctx context.Context, s *Store) (err error) {
			found[i], err = s.digest(ctx, m.User, since)
			return err
		})
		if err != nil {
			return onSide([]string{"source", "target"}[i], err)
		}
	}
	if found[0] != found[1] {
		return fmt.Errorf("the source has %d todos and %d recent requests, and the target %d and %d, or others: "+
			"an older todod still writes to one of them: end it first", found[0].Todos, found[0].Requests, found[1].Todos, found[1].Requests)
	}
	m.tell(ctx, "compared: both databases have the same")
	return nil
}
