// Package todo is the domain: todos, their owners, the rules, and the interface of the
// store. It depends on no protocol and no database.
//
// The rules for requests (lengths, characters, ids) are in proto/todo/v1 and nowhere else.
// They are checked before a call gets here. This package does what a rule on a field
// can't: it trims titles, knows time zones, compares tags, and sets defaults and limits.
package todo

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID identifies a todo among those of all users.
type ID uuid.UUID

// IDLength is the length of an ID's text.
const IDLength = len("00000000-0000-0000-0000-000000000000")

// ParseID parses an ID of the form in RFC 9562 section 4: 8-4-4-4-12 hexadecimal
// digits in either case. It fails for any other form.
func ParseID(s string) (ID, error) {
	if len(s) != IDLength {
		return ID{}, fmt.Errorf("todo: an id has %d characters, not %d", IDLength, len(s))
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ID{}, fmt.Errorf("todo: id: %w", err)
	}
	return ID(id), nil
}

// String returns the ID as RFC 9562 writes it, in lower case.
func (id ID) String() string { return uuid.UUID(id).String() }

// Append appends what String returns.
func (id ID) Append(dst []byte) []byte {
	dst = append(hex.AppendEncode(dst, id[:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:])
}

// Todo is one thing its owner means to do.
type Todo struct {
	ID          ID
	Title       string // Has a visible character, and no white space around it.
	Description string // Empty when there is none.
	IsCompleted bool
	CreatedAt   time.Time // To the microsecond.
	UpdatedAt   time.Time // To the microsecond; moves forward with every update.
	Version     Version   // None when the todo is not described as it is now.
	Revision    int64     // The place of its last change among those of its owner's todos.
	DeletedAt   time.Time // Zero unless it is in the trash or purged.
	PurgeAt     time.Time // When a deleted todo is removed at the earliest; zero for others.
	IsPurged    bool      // Whether it was deleted permanently; its texts are gone then.
	CompletedAt time.Time // Zero unless it is completed, and for one that was before this was kept.
	Due         Due
	Priority    Priority
	Tags        Tags
	Position    string // Empty when it follows from CreatedAt: see [Todo.AppendPosition].
}

// textBytes returns how many bytes the texts of a todo have, as bytes counts them.
func (t Todo) textBytes(bytes func(string) int) int {
	n := bytes(t.Title) + bytes(t.Description) + bytes(t.Due.Date) + bytes(t.Due.Time) + bytes(t.Due.Zone) + bytes(t.Position)
	for _, tag := range t.Tags {
		n += bytes(tag)
	}
	return n
}

// IsTime reports whether a time is in the years 1 to 9999, which is what RFC 3339 and
// the API can express. Rows that another program wrote may have other times.
func IsTime(t time.Time) bool {
	const (
		first = -62_135_596_800 // The seconds of Unix time when year 1 began,
		end   = 253_402_300_800 // and when year 9999 ends.
	)
	return first <= t.Unix() && t.Unix() < end
}

// Draft is a todo before it is stored.
type Draft struct {
	ID          *ID // nil lets the service choose.
	Title       string
	Description string // Empty for none.
	Due         Due
	Priority    Priority
	Tags        Tags
	Position    string // Empty lets it follow from the time of creation.
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
	Due         DueChange
	Priority    *Priority // NoPriority removes it.
	Tags        TagsChange
	Position    *string // Empty lets it follow from the time of creation.
	If          Version // The version to change; none for any.
}

// Deletion says how a todo is deleted.
type Deletion struct {
	If          Version // The version to delete; none for any.
	Permanently bool    // From the trash too, and with no way back.
}

// trimmed returns the change as it is stored.
func (c Change) trimmed() Change {
	if c.Title != nil {
		title := strings.TrimSpace(*c.Title)
		c.Title = &title
	}
	return c
}

// HasDetails reports whether the draft has more than a title and a description.
func (d Draft) HasDetails() bool {
	return d.Due != Due{} || d.Priority != NoPriority || len(d.Tags) > 0 || d.Position != ""
}

// Describes reports whether a todo has the draft's content. Of the details only those
// count that the draft has.
func (d Draft) Describes(t Todo) bool {
	isSame := func(wanted, there string) bool { return wanted == "" || wanted == there }
	return d.Title == t.Title && d.Description == t.Description &&
		isSame(d.Due.Date, t.Due.Date) && isSame(d.Due.Time, t.Due.Time) && isSame(d.Due.Zone, t.Due.Zone) &&
		(d.Priority == NoPriority || d.Priority == t.Priority) &&
		(len(d.Tags) == 0 || slices.Equal(d.Tags, t.Tags)) &&
		isSame(d.Position, t.Position)
}

// Created returns the todo that a draft with an ID has become, created at a time.
func (d Draft) Created(at time.Time) Todo {
	return Todo{
		ID: *d.ID, Title: d.Title, Description: d.Description, CreatedAt: at, UpdatedAt: at,
		Due: d.Due, Priority: d.Priority, Tags: d.Tags, Position: d.Position,
	}
}

// HasDetails reports whether the change is of more than the title, the description and
// whether the todo is completed.
func (c Change) HasDetails() bool {
	return !c.Due.IsZero() || c.Priority != nil || !c.Tags.IsZero() || c.Position != nil
}
