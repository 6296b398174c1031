package postgres

import (
	"context"
	"errors"
)

// errNoCopy ends a transaction that would remove a copy, as there is none.
var errNoCopy = errors.New("no copy")

// Abort gives a move up that has not come to the switch: the user stays at the source, and
// the copy is removed. Once the source has handed over, that takes the target that has the
// copy.
func (m *Move) Abort(ctx context.Context) error {
	return m.exclusively(ctx, func(ctx context.Context) error {
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
		return m.giveUp(ctx, from)
	})
}

// tooLate returns the error of a move that can't be aborted any more.
func tooLate() error {
	return refusef("the target has taken over already: run the same command without -abort, and move the user back then")
}

// giveUp removes the copy, and opens the source's account again. It takes the lock of the
// target's account, so that it waits for a copy whose commit is under way though its process
// was killed.
func (m *Move) giveUp(ctx context.Context, from moveAccount) error {
	err := m.atTarget(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
		isCopy := from.isCopiedAt(now)
		switch {
		case now.Sealed == arriving && (isCopy || from.Sealed == leaving):
			// The account stays, and refuses calls that are sent to the wrong database.
			_, err := s.removeMoved(ctx, m.User)
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
	case !errors.Is(err, errNoCopy):
		return err
	}
	err = m.atSource(ctx, func(ctx context.Context, s *Store, now moveAccount) error {
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
