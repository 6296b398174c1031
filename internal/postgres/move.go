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

// Move moves all that is kept of a user from one database to another. Its steps are
// transactions of one of the databases each, and what has been done can be read off the
// two accounts. So a move that was ended anywhere goes on when it is run again.
//
//	source     target              the user's todos are
//	open       none, gone          at the source, as ever
//	leaving    none, gone          at the source, and can't be changed
//	leaving    arriving            the same; the target may have a copy
//	leaving    open                at the target, of the same epoch; nobody is sent there yet
//	gone       open                at the target
//
// The target's account gets an epoch that follows from the source's. So an account that is
// open there is known to be the one that the copy made.
type Move struct {
	From, To *Store
	User     todo.UserID
	Logger   *slog.Logger

	// Route has the balancers send the user to the target. It may be called again, and
	// may be nil.
	Route func(ctx context.Context) error
}

var (
	// errTwoMoves means that another move of the user is under way.
	errTwoMoves = errors.New("another move of the user is under way, or both URLs are of the same database")

	// errChanged means that an account is not what a step has left.
	errChanged = errors.New("one of the accounts has been changed meanwhile: run the same command again")

	// errTooLate means that a move can't be aborted any more.
	errTooLate = errors.New("the target has taken over already: run the same command without -abort, and move the user back then")
)

// Run moves the user, from wherever an earlier run has come to.
func (m *Move) Run(ctx context.Context) error {
	return m.exclusively(ctx, func(ctx context.Context) error {
		if err := errors.Join(m.From.checkMovable(ctx, "source", true), m.To.checkMovable(ctx, "target", false)); err != nil {
			return err
		}
		from, to, err := m.accounts(ctx)
		if err != nil {
			return err
		}
		at, err := stageOf(from, to)
		if err == nil && at == notBegun {
			from, err = m.takeOver(ctx)
		}
		if err == nil && at != left {
			err = m.leave(ctx, from)
		}
		if err == nil {
			err = m.route(ctx)
		}
		return err
	})
}

// takeOver does what has to be done until the target has the todos. It returns the
// source's account.
func (m *Move) takeOver(ctx context.Context) (from moveAccount, err error) {
	from, err = m.seal(ctx)
	for _, step := range []func(context.Context, moveAccount) error{m.copy, m.compare, m.switchOver} {
		if err == nil {
			err = step(ctx, from)
		}
	}
	return from, err
}

// Abort gives a move up that has not come to the switch: the user stays at the source, and
// the copy is removed.
func (m *Move) Abort(ctx context.Context) error {
	return m.exclusively(ctx, func(ctx context.Context) error {
		from, to, err := m.accounts(ctx)
		switch {
		case err != nil:
			return err
		case from.Sealed == gone, from.hasBecome(to):
			return errTooLate
		case from.Sealed != leaving:
			m.tell(ctx, "nothing to abort: the source is not leaving")
			return nil
		}
		if to.Sealed == arriving && to.Epoch == from.nextEpoch() {
			// The account stays, and refuses calls that come astray.
			if _, err := m.To.empty(ctx, m.User, to); err != nil {
				return err
			}
			m.tell(ctx, "removed the copy at the target")
		}
		err = m.From.change(ctx, m.User, func(ctx context.Context, s *Store, now moveAccount) error {
			if now != from {
				return errChanged
			}
			return s.setSealed(ctx, m.User, open)
		})
		if err == nil {
			m.tell(ctx, "aborted: the user is at the source as before")
		}
		return err
	})
}

// tell logs a step.
func (m *Move) tell(ctx context.Context, step string, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{slog.String("user_id", m.User.String()), slog.String("step", step)}, attrs...)
	m.Logger.LogAttrs(ctx, slog.LevelInfo, "move", attrs...)
}

// seal seals the source's account, and returns it.
func (m *Move) seal(ctx context.Context) (from moveAccount, err error) {
	err = m.From.change(ctx, m.User, func(ctx context.Context, s *Store, now moveAccount) (err error) {
		switch from = now; now.Sealed {
		case leaving:
			return nil
		case open:
			if err = s.setSealed(ctx, m.User, leaving); err == nil {
				from, err = s.moveAccount(ctx, m.User)
			}
			return err
		case arriving, gone:
		}
		return errChanged
	})
	if err == nil {
		m.tell(ctx, "sealed the source: the user can read and not write")
	}
	return from, err
}

// copy replaces what the target has of the user by what the source has.
func (m *Move) copy(ctx context.Context, from moveAccount) error {
	var todos, requests int
	err := m.To.change(ctx, m.User, func(ctx context.Context, s *Store, now moveAccount) error {
		at, err := stageOf(from, now)
		if err == nil && at != notBegun {
			err = errChanged
		}
		if err == nil {
			_, err = s.removeMoved(ctx, m.User)
		}
		if err == nil {
			todos, err = m.copyRows(ctx, s, m.From.todosToMove, false)
		}
		if err == nil {
			requests, err = m.copyRows(ctx, s, m.From.requestsToMove, true)
		}
		if err == nil {
			err = s.setArriving(ctx, m.User, from.nextEpoch(), max(from.Revision, now.Revision)+1)
		}
		return err
	})
	if taken, ok := errors.AsType[*pgconn.PgError](err); ok && taken.Code == uniqueViolation {
		err = fmt.Errorf("another user of the target has a todo with an id of this one (%s): %w", taken.Detail, err)
	}
	if err == nil {
		m.tell(ctx, "copied", slog.Int("todos", todos), slog.Int("requests", requests))
	}
	return err
}

// copyRows copies rows that read returns to a store, and returns how many.
func (m *Move) copyRows(
	ctx context.Context, to *Store, read func(context.Context, todo.UserID, movedRow) ([]movedRow, error), areRequests bool,
) (total int, err error) {
	last := movedRow{Revision: beforeAll().Revision}
	for {
		rows, err := read(ctx, m.User, last)
		if err != nil || len(rows) == 0 {
			return total, err
		}
		if err := to.addMoved(ctx, m.User, rows, areRequests); err != nil {
			return total, err
		}
		total, last = total+len(rows), rows[len(rows)-1]
	}
}

// uniqueViolation is PostgreSQL's code for a key that is there already.
const uniqueViolation = "23505"

// compare fails unless both databases have the same rows.
func (m *Move) compare(ctx context.Context, _ moveAccount) error {
	// A sweep may have forgotten requests that are older than this.
	since := time.Now().Add(time.Hour - todo.RequestRetention)
	var found [2]digest
	for i, s := range []*Store{m.From, m.To} {
		err := s.transact(ctx, m.User.String(), false, func(ctx context.Context, s *Store) (err error) {
			found[i], err = s.digest(ctx, m.User, since)
			return err
		})
		if err != nil {
			return err
		}
	}
	if found[0] != found[1] {
		return fmt.Errorf("the source has %d todos and %d recent requests, and the target %d and %d, or others: something that knows no seal writes to one of them; "+
			"end it, an old todod for example, and run the same command again", found[0].Todos, found[0].Requests, found[1].Todos, found[1].Requests)
	}
	m.tell(ctx, "compared: both databases have the same")
	return nil
}

// switchOver opens the target's account. From then on the target's todos count.
func (m *Move) switchOver(ctx context.Context, from moveAccount) error {
	err := m.To.change(ctx, m.User, func(ctx context.Context, s *Store, now moveAccount) error {
		source, err := m.From.moveAccount(ctx, m.User)
		if err == nil && (source != from || now.Sealed != arriving || now.Epoch != from.nextEpoch()) {
			err = errChanged
		}
		if err == nil {
			err = s.setSealed(ctx, m.User, open)
		}
		return err
	})
	if err == nil {
		m.tell(ctx, "switched: the target has taken over")
	}
	return err
}

// leave removes what the source has left. Until then the source may show it: nobody can
// have changed it at the target, to which nobody is sent yet.
func (m *Move) leave(ctx context.Context, from moveAccount) error {
	n, err := m.From.empty(ctx, m.User, from)
	if err == nil {
		m.tell(ctx, "cleaned up: the source has nothing of the user", slog.Int("todos", n))
	}
	return err
}

// route has the balancers send the user to the target.
func (m *Move) route(ctx context.Context) error {
	if m.Route != nil {
		if err := m.Route(ctx); err != nil {
			return fmt.Errorf("the user is at the target, but the route failed: %w", err)
		}
		m.tell(ctx, "routed: the balancers send the user to the target")
	}
	m.tell(ctx, "moved: the user is at the target")
	return nil
}

// exclusively runs what no other move of the user may do at the same time, at either
// database.
func (m *Move) exclusively(ctx context.Context, run func(context.Context) error) error {
	return m.From.alone(ctx, m.User, func(ctx context.Context) error {
		return m.To.alone(ctx, m.User, run)
	})
}

// accounts returns the user's accounts.
func (m *Move) accounts(ctx context.Context) (from, to moveAccount, err error) {
	if from, err = m.From.moveAccount(ctx, m.User); err != nil {
		return from, to, err
	}
	to, err = m.To.moveAccount(ctx, m.User)
	return from, to, err
}
