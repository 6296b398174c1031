package postgres

import (
	"context"
	"errors"
	"log/slog"
)

// errNoCopy ends a transaction that would remove a copy, as there is none.
var errNoCopy = errors.New("no copy")

// Abort gives a move up that has not come to the switch: the user stays at the source, and
// the copy is removed. Once the source has handed over, that takes the target that has the
// copy.
func (m *Move) Abort(ctx context.Context) error {
	return m.exclusively(ctx, func(ctx context.Context) error { return m.abort(ctx, m.removeCopy) })
}

// AbortWithoutTarget is Abort where the target can't be reached. It is refused once the
// source has handed over: until then the source alone says where the user is. A copy may stay
// at the target, sealed. A source that may have lost a hand-over, by a restore or a failover,
// is no case for it: the target may be open.
func (m *Move) AbortWithoutTarget(ctx context.Context) error {
	return m.alone(ctx, "source", m.From, func(ctx context.Context, _ *Store) error { return m.abort(ctx, m.leaveCopy) })
}

// abort opens the source, once removeCopy has seen to the copy.
func (m *Move) abort(ctx context.Context, removeCopy func(context.Context, moveAccount) error) error {
	from, err := m.From.moveAccount(ctx, m.User)
	switch {
	case err != nil:
		return onSide("source", err)
	case from.Sealed == gone:
		return tooLate()
	case from.Sealed != leaving && from.Sealed != handedOver:
		m.tell(ctx, "nothing to abort: the source is not leaving")
		return nil
	}
	return m.giveUp(ctx, from, removeCopy)
}

// tooLate returns the error of a move that can't be aborted any more.
func tooLate() error {
	return refusef("the target has taken over already: run the same command without -abort, and move the user back then")
}

// giveUp sees to the copy, and opens the source's account again.
func (m *Move) giveUp(ctx context.Context, from moveAccount, removeCopy func(context.Context, moveAccount) error) error {
	if err := removeCopy(ctx, from); err != nil {
		return err
	}
	err := m.atSource(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		if now != from {
			return errChanged
		}
		return s.setSealed(ctx, m.User, open)
	})
	if err == nil {
		m.tell(ctx, "aborted: the user is at the source as before")
	}
	return err
}

// removeCopy removes the copy, if there is one. It takes the lock of the target's account, so
// that it waits for a copy whose commit is under way though its process was killed.
func (m *Move) removeCopy(ctx context.Context, from moveAccount) error {
	err := m.atTarget(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		isCopy := from.isCopiedAt(now)
		switch {
		case now.Sealed == arriving && (isCopy || from.Sealed == leaving):
			// The account stays, and refuses calls that are sent to the wrong database.
			_, _, err := s.removeMoved(ctx, m.User)
			if err == nil {
				err = s.setSealed(ctx, m.User, gone)
			}
			return err
		case isCopy && now.Sealed == gone:
			return nil // An earlier abort has removed it. The commit is what matters.
		case isCopy:
			return tooLate()
		case from.Sealed == leaving:
			return errNoCopy // So no account is made, either.
		}
		return notHandedOver()
	})
	switch {
	case err == nil:
		m.tell(ctx, "removed the copy at the target")
	case errors.Is(err, errNoCopy):
		return nil
	}
	return err
}

// leaveCopy leaves the copy where it is, if the target can't have taken over.
func (m *Move) leaveCopy(ctx context.Context, from moveAccount) error {
	if from.Sealed == handedOver {
		return refusef("the source has handed the user over: only the target knows whether it has taken over")
	}
	m.log(ctx, slog.LevelWarn, "the target was not asked: a copy may stay there until the next move to it")
	return nil
}
