package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// Move moves all that is kept of a user from one database to another. Its steps are
// transactions of one of the databases each, and what has been done can be read off the
// two accounts. So a move that was ended anywhere goes on when it is run again.
//
//	source       target                    the user's todos are
//	open         none, gone, open (empty)  at the source, as ever
//	open         arriving                  the same; an abort has left a copy at the target
//	leaving      none, gone, open (empty)  at the source, and can't be changed
//	leaving      arriving                  the same; the target may have a copy
//	handed over  arriving                  the same; no other target can take over any more
//	handed over  open                      at the target; the source has what it handed over
//	handed over  gone                      at the source; an abort has removed the copy
//	gone         open                      at the target
//	gone         arriving                  at the target, which has lost the switch in a failover
//
// The copy has an epoch that follows from the source's account when it was sealed, and a
// source that has handed over keeps it. So nothing but this copy is taken for the target.
// Each step that relies on a state at the other side has that committed once more before:
// a commit waits for the standbys, a read does not.
//
// The user can't write meanwhile, so no statement takes more than a batch of rows: the bound
// of a statement may be short, however many todos there are.
type Move struct {
	From, To *Store
	User     todo.UserID
	Logger   *slog.Logger

	// Route has the balancers send the user to the target. It may be called again, and
	// may be nil. Its context is not canceled: it has to end by itself.
	Route func(ctx context.Context) error

	locks [2]*Store // The transactions that keep other moves of the user out.
}

// Run moves the user, from wherever an earlier run has come to.
func (m *Move) Run(ctx context.Context) error {
	return m.exclusively(ctx, func(ctx context.Context) error {
		from, isCopied, err := m.look(ctx)
		isUnknown := !from.IsThere && !from.HasTodos
		if err == nil && !isCopied {
			from, err = m.takeAlong(ctx)
		}
		if err == nil {
			from, err = m.switchSides(ctx, from)
		}
		if err == nil {
			err = m.route(context.WithoutCancel(ctx)) // Meanwhile the user can't write anywhere.
		}
		if err == nil && from.Sealed != gone {
			err = m.leave(ctx, from)
		}
		if err == nil {
			m.tell(ctx, "moved: the user is at the target")
		}
		if err == nil && isUnknown {
			m.log(ctx, slog.LevelWarn, "there was nothing of this user at the source: is the subject right?")
		}
		return err
	})
}

// look returns the source's account, and whether there is nothing to be copied any more.
func (m *Move) look(ctx context.Context) (from moveAccount, isCopied bool, err error) {
	from, to, err := m.accounts(ctx)
	if err != nil {
		return from, false, err
	}
	isCopied, err = hasCopied(from, to)
	if err != nil && from.Sealed == leaving {
		err = refusef("%v (the source is sealed: -abort opens it again)", err)
	}
	return from, isCopied, err
}

// takeAlong does what has to be done until the target has a copy. It returns the source's
// account.
func (m *Move) takeAlong(ctx context.Context) (from moveAccount, err error) {
	from, err = m.seal(ctx)
	for _, step := range []func(context.Context, moveAccount) error{m.copy, m.compare} {
		if err == nil {
			err = step(ctx, from)
		}
	}
	return from, err
}

// switchSides has the target take over, be it done or not. It returns the source's account.
func (m *Move) switchSides(ctx context.Context, from moveAccount) (moveAccount, error) {
	if err := m.stillAlone(ctx); err != nil {
		return from, err
	}
	ctx = context.WithoutCancel(ctx)
	from, err := m.handOver(ctx, from)
	if err == nil {
		err = m.takeOver(ctx, from)
	}
	if err == nil {
		m.tell(ctx, "switched: the target has taken over")
	}
	return from, err
}

// tell logs a step.
func (m *Move) tell(ctx context.Context, step string, attrs ...slog.Attr) {
	m.log(ctx, slog.LevelInfo, step, attrs...)
}

// log logs a step, or what there is to say about it.
func (m *Move) log(ctx context.Context, level slog.Level, step string, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{slog.String("user_id", m.User.String()), slog.String("step", step)}, attrs...)
	m.Logger.LogAttrs(ctx, level, "move", attrs...)
}

// seal seals the source's account, and returns it. It is sealed anew each time: another
// target may have a copy of before, which must not be taken for the one that is made now.
func (m *Move) seal(ctx context.Context) (from moveAccount, err error) {
	err = m.atSource(ctx, func(ctx context.Context, s *Store, now moveAccount) (err error) {
		if now.Sealed != open && now.Sealed != leaving {
			return errChanged
		}
		if err = s.setSealed(ctx, m.User, leaving); err == nil {
			from, err = s.moveAccount(ctx, m.User)
		}
		return err
	})
	if err == nil {
		m.tell(ctx, "sealed the source: the user can read and not write")
	}
	return from, err
}

// handOver has the source stand back for the target that has the copy, or makes sure that
// it has. From then on no other target can have the user, whatever a later run is given. It
// returns the source's account.
func (m *Move) handOver(ctx context.Context, from moveAccount) (handed moveAccount, err error) {
	err = m.atSource(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		if handed = now; now != from {
			return errChanged
		}
		if now.Sealed != leaving {
			return nil // The commit is what matters.
		}
		err := s.setHandedOver(ctx, m.User, from.nextEpoch())
		if err == nil {
			handed, err = s.moveAccount(ctx, m.User)
		}
		return err
	})
	if err == nil && handed.Sealed != from.Sealed {
		m.tell(ctx, "handed over: no other target can take over")
	}
	return handed, err
}

// takeOver opens the target's account, or makes sure that it is open. From then on the
// target's todos count.
func (m *Move) takeOver(ctx context.Context, from moveAccount) error {
	return m.atTarget(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		switch {
		case !from.isCopiedAt(now):
		case now.Sealed == open:
			return nil // The commit is what matters.
		case now.Sealed == arriving:
			return s.setSealed(ctx, m.User, open)
		}
		return errChanged
	})
}

// leave removes what the source has left, once it is certain that the target has taken
// over.
func (m *Move) leave(ctx context.Context, from moveAccount) error {
	err := m.stillAlone(ctx)
	if err == nil {
		err = m.takeOver(ctx, from)
	}
	if err != nil {
		return err
	}
	todos, requests, err := m.From.empty(ctx, m.User, from)
	if err == nil {
		m.tell(ctx, "cleaned up: the source has nothing of the user", slog.Int("todos", todos), slog.Int("requests", requests))
	}
	return onSide("source", err)
}

// route has the balancers send the user to the target.
func (m *Move) route(ctx context.Context) error {
	if m.Route == nil {
		return nil
	}
	if err := m.Route(ctx); err != nil {
		return fmt.Errorf("the user is at the target, and the route failed: until it succeeds, the user's calls are refused at the source: %w", err)
	}
	m.tell(ctx, "routed: the balancers send the user to the target")
	return nil
}

// exclusively runs what no other move of the user may do at the same time, at either
// database.
func (m *Move) exclusively(ctx context.Context, run func(context.Context) error) error {
	return m.alone(ctx, "source", m.From, func(ctx context.Context, from *Store) error {
		return m.alone(ctx, "target", m.To, func(ctx context.Context, to *Store) error {
			m.locks = [2]*Store{from, to}
			return run(ctx)
		})
	})
}

// stillAlone fails when a transaction that keeps other moves out was ended by somebody.
func (m *Move) stillAlone(ctx context.Context) error {
	for i, s := range m.locks {
		if err := s.run(ctx, database.Statement{Name: "look at lock of moves", SQL: "SELECT", Read: ignoreRows}); err != nil {
			return onSide([]string{"source", "target"}[i], err)
		}
	}
	return nil
}

// atSource changes the source's account, and what belongs to it.
func (m *Move) atSource(ctx context.Context, run func(context.Context, *Store, moveAccount) error) error {
	return onSide("source", m.From.change(ctx, m.User, run))
}

// atTarget is atSource for the target.
func (m *Move) atTarget(ctx context.Context, run func(context.Context, *Store, moveAccount) error) error {
	return onSide("target", m.To.change(ctx, m.User, run))
}

// accounts returns the user's accounts. It fails when the databases' tables don't fit.
func (m *Move) accounts(ctx context.Context) (from, to moveAccount, err error) {
	if err = errors.Join(m.From.checkMovable(ctx, "source", true), m.To.checkMovable(ctx, "target", false)); err != nil {
		return from, to, err
	}
	if from, err = m.From.moveAccount(ctx, m.User); err != nil {
		return from, to, onSide("source", err)
	}
	to, err = m.To.moveAccount(ctx, m.User)
	return from, to, onSide("target", err)
}
