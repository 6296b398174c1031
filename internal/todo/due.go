package todo

import (
	"errors"
	"fmt"
	"time"
)

// Due is when a todo is due: nothing; a day; a day and a time of it, wherever the user
// is; or a day, a time and the zone of that time.
type Due struct {
	Date string // YYYY-MM-DD; empty when it is not due.
	Time string // HH:MM; empty for no particular time. Needs a date.
	Zone string // An IANA time zone; empty for the user's. Needs a time.
}

// At returns the instant at which a todo with a zone is due, the zero time without one.
// It fails with a [FieldError] when nobody knows the zone.
func (d Due) At() (time.Time, error) {
	if d.Zone == "" {
		return time.Time{}, nil
	}
	zone, err := LoadZone(d.Zone)
	switch {
	case errors.Is(err, ErrZone):
		return time.Time{}, UnknownZone(FieldDueTimeZone)
	case err != nil:
		return time.Time{}, err
	}
	local, err := time.Parse("2006-01-02 15:04", d.Date+" "+d.Time)
	if err != nil {
		return time.Time{}, fmt.Errorf("todo: due: %w", err)
	}
	return InstantOf(local, zone), nil
}

// check fails with a [FieldError] for a time without a date, and a zone without a time.
func (d Due) check() error {
	switch {
	case d.Time != "" && d.Date == "":
		return &FieldError{Field: FieldDueTime, Rule: "due_time.needs_date", Fault: "dueTime needs a dueDate"}
	case d.Zone != "" && d.Time == "":
		return &FieldError{Field: FieldDueTimeZone, Rule: "due_time_zone.needs_time", Fault: "dueTimeZone needs a dueTime"}
	}
	return nil
}

// DueChange says what an update makes of a due date: nil leaves a part as it is, and an
// empty text removes it, with the parts that need it.
type DueChange struct{ Date, Time, Zone *string }

// IsZero reports whether the change leaves all as it is.
func (c DueChange) IsZero() bool { return c == DueChange{} }

// IsWhole reports whether the change leaves nothing of what was, so that [DueChange.Merge]
// makes the same of any due date.
func (c DueChange) IsWhole() bool {
	switch {
	case c.Date == nil:
		return false
	case *c.Date == "":
		return true
	case c.Time == nil:
		return false
	}
	return *c.Time == "" || c.Zone != nil
}

// Merge returns what the change makes of a due date. It fails with a [FieldError] when
// that has a time without a date, or a zone without a time.
func (c DueChange) Merge(due Due) (Due, error) {
	if c.Date != nil {
		due.Date = *c.Date
		if due.Date == "" {
			due.Time, due.Zone = "", ""
		}
	}
	if c.Time != nil {
		due.Time = *c.Time
		if due.Time == "" {
			due.Zone = ""
		}
	}
	if c.Zone != nil {
		due.Zone = *c.Zone
	}
	return due, due.check()
}
