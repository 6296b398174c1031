package postgres

import (
	"errors"
	"fmt"
)

var (
	// errTwoMoves means that another move of the user is under way.
	errTwoMoves = errors.New("another move of the user is under way, or both URLs are of the same database")

	// errChanged means that an account is not what a step has left.
	errChanged = errors.New("one of the accounts has been changed meanwhile")

	// errAtSource ends a transaction at the target for an error at the source. That must
	// not count as one of the target's connection.
	errAtSource = errors.New("failed at the source")
)

// MoveRefusedError says why a user can't be moved, or a move not aborted. The same command
// fails again.
type MoveRefusedError struct{ Reason string }

// Error implements error.
func (e *MoveRefusedError) Error() string { return e.Reason }

func refusef(format string, args ...any) error {
	return &MoveRefusedError{Reason: fmt.Sprintf(format, args...)}
}

// notHandedOver returns the error for a target that is not the one of before.
func notHandedOver() error {
	return refusef("the source has handed the user over to another database than this target, or the target has lost the copy, " +
		"or an older todod has written to the source since: run this with the TARGET_DATABASE_URL of before")
}

// sideError is an error of the source or the target.
type sideError struct {
	side string
	error
}

func (e *sideError) Error() string { return e.side + ": " + e.error.Error() }

func (e *sideError) Unwrap() error { return e.error }

// onSide says which database an error is from, unless it says so. A refusal is about both.
func onSide(side string, err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*MoveRefusedError](err); ok {
		return refused
	}
	if _, ok := errors.AsType[*sideError](err); ok {
		return err
	}
	return &sideError{side, err}
}
