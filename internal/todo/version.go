package todo

import (
	"errors"
	"time"
)

// Version tells the states of a todo apart: every change gives the todo another one.
// The versions of two todos are not to be compared. The zero value is
// no version.
type Version struct {
	Number int64 // The store's own; it has no meaning elsewhere.
	Valid  bool  // False for no version.
}

// VersionAt returns the version of a todo that was changed last at a time. It serves
// as a version because UpdatedAt moves strictly forward, by a microsecond at least.
func VersionAt(updatedAt time.Time) Version {
	return Version{Number: updatedAt.UnixMicro(), Valid: true}
}

// UpdatedAt returns the time that [VersionAt] made the version of.
func (v Version) UpdatedAt() time.Time { return time.UnixMicro(v.Number).UTC() }

// ErrConflict means that the todo is not at the version that a call is for. The error
// is a [ConflictError].
var ErrConflict = errors.New("todo has another version")

// ConflictError is an ErrConflict.
type ConflictError struct {
	// Current is the todo as it is after the refusal. Further changes may have been
	// made since, so it may even have the version that the call was for.
	Current Todo
}

// Error implements the error interface.
func (e *ConflictError) Error() string { return ErrConflict.Error() }

// Is makes a ConflictError an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
