// Package todo is the domain: what a todo is, who owns it, the rules it is kept
// by, and the store it is kept in. It knows no wire and no database.
//
// The shape of requests (lengths, characters, ids) is the contract's, written
// once as rules in proto/todo/v1/todo.proto and checked before a call gets
// here. This package does what a rule on a field can't: it trims, defaults and
// caps.
package todo

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID names a todo, over all users.
type ID uuid.UUID

// idLength is the length of an ID's text.
const idLength = len("00000000-0000-0000-0000-000000000000")

// ParseID reads an ID in the form of RFC 9562 section 4, 8-4-4-4-12
// hexadecimal digits in either case, and no other form.
func ParseID(s string) (ID, error) {
	if len(s) != idLength {
		return ID{}, fmt.Errorf("todo: an id has %d characters, not %d", idLength, len(s))
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ID{}, fmt.Errorf("todo: id: %w", err)
	}
	return ID(id), nil
}

// String returns the ID as RFC 9562 writes it, in lower case.
func (id ID) String() string { return uuid.UUID(id).String() }

// Todo is one thing its owner means to do.
type Todo struct {
	ID          ID
	Title       string // Has a visible character, and no white space around it.
	Description string // Empty when there is none.
	IsCompleted bool
	CreatedAt   time.Time // To the microsecond.
	UpdatedAt   time.Time // To the microsecond; moves forward with every update.
}

// textBytes returns how many bytes the texts of a todo have, each as a function
// says.
func (t Todo) textBytes(bytes func(string) int) int {
	return bytes(t.Title) + bytes(t.Description)
}

// IsTime reports whether a time can be a todo's: in the years 1 to 9999, as
// RFC 3339 writes them and the API tells them. A store that others have written
// to may have todos with others.
func IsTime(t time.Time) bool {
	const (
		first = -62_135_596_800 // The seconds of Unix time when year 1 began,
		end   = 253_402_300_800 // and when year 9999 ends.
	)
	return first <= t.Unix() && t.Unix() < end
}

// Draft is a todo to be.
type Draft struct {
	ID          *ID // nil lets the service choose.
	Title       string
	Description string // Empty for none.
}

// trimmed returns the draft as it is stored.
func (d Draft) trimmed() Draft {
	d.Title = strings.TrimSpace(d.Title)
	return d
}

// Change says what an update sets; nil leaves a field as it is.
type Change struct {
	Title       *string
	Description *string // Empty removes it.
	IsCompleted *bool
}

// trimmed returns the change as it is stored.
func (c Change) trimmed() Change {
	if c.Title != nil {
		title := strings.TrimSpace(*c.Title)
		c.Title = &title
	}
	return c
}
