package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// usualPage is how many todos there is room for on a page before it grows.
const usualPage = 32

// scan reads todos from [columns], so many at most.
func (s *Store) scan(rows pgx.Rows, most int) ([]todo.Todo, error) {
	todos := make([]todo.Todo, 0, min(max(1, most), usualPage))
	row := row{store: s}
	_, err := pgx.ForEachRow(rows, row.columns(), func() error {
		todos = append(todos, row.todo())
		return nil
	})
	return todos, err
}

// row is what the rows of a statement are scanned into, one after the other.
// What an old table may have in its columns and the service would not put there,
// such as NULL, is read as the nearest that it would: one odd row must not take
// down the list that it is in.
type row struct {
	store     *Store
	scanned   todo.Todo
	deletedAt pgtype.Timestamptz
}

// columns returns where to scan [columns].
func (r *row) columns() []any {
	t := &r.scanned
	return []any{
		(*[16]byte)(&t.ID), (*text)(&t.Title), (*text)(&t.Description), (*flag)(&t.IsCompleted),
		(*instant)(&t.CreatedAt), (*instant)(&t.UpdatedAt),
		(*number)(&t.Revision), &r.deletedAt, (*flag)(&t.IsPurged),
	}
}

// todo returns the row that was scanned last.
func (r *row) todo() todo.Todo {
	t := r.scanned
	t.Version = todo.VersionAt(t.UpdatedAt)
	if r.deletedAt.Valid {
		t.DeletedAt = timeOf(r.deletedAt)
		t.PurgeAt = t.DeletedAt.Add(r.store.config.TrashRetention)
	}
	if !todo.IsTime(t.CreatedAt) || !todo.IsTime(t.UpdatedAt) {
		r.store.logOddTime(t.ID)
	}
	return t
}

// logOddTime says once that there is a row with a time that callers can't be told.
func (s *Store) logOddTime(id todo.ID) {
	if s.told.oddTime.CompareAndSwap(false, true) {
		s.config.Logger.WarnContext(context.Background(), "a todo has a time before year 1 or after year 9999: callers are told the nearest that there is; further ones are not logged",
			"id", id.String())
	}
}

// text scans a text, NULL as none.
type text string

// ScanText implements [pgtype.TextScanner].
func (t *text) ScanText(v pgtype.Text) error {
	*t = text(v.String)
	return nil
}

// flag scans a boolean, NULL as false.
type flag bool

// ScanBool implements [pgtype.BoolScanner].
func (f *flag) ScanBool(v pgtype.Bool) error {
	*f = flag(v.Bool)
	return nil
}

// number scans an integer, NULL as 0.
type number int64

// ScanInt64 implements [pgtype.Int64Scanner].
func (n *number) ScanInt64(v pgtype.Int8) error {
	*n = number(v.Int64)
	return nil
}

// instant scans a time, infinity as the last that there is, and -infinity and
// NULL as the first.
type instant time.Time

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (i *instant) ScanTimestamptz(v pgtype.Timestamptz) error {
	*i = instant(timeOf(v))
	return nil
}

// The first and the last time, beyond what PostgreSQL has but for infinity, in
// microseconds of Unix time. A list goes on from any place, so that a row's time
// has to come back as it was.
const (
	firstMicro = -1 << 63
	lastMicro  = 1<<63 - 1
)

// timeOf returns a time of the database's.
func timeOf(v pgtype.Timestamptz) time.Time {
	switch {
	case !v.Valid, v.InfinityModifier == pgtype.NegativeInfinity:
		return time.UnixMicro(firstMicro).UTC()
	case v.InfinityModifier == pgtype.Infinity:
		return time.UnixMicro(lastMicro).UTC()
	}
	// PostgreSQL's time ends in year 294276, 29 years after the last.
	if last := time.UnixMicro(lastMicro - 1); v.Time.After(last) {
		return last.UTC()
	}
	return v.Time.UTC()
}

// timeParam returns a time as an argument. What PostgreSQL has no time for is
// infinite.
func timeParam(t time.Time) pgtype.Timestamptz {
	switch {
	case t.UnixMicro() == lastMicro:
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	case t.Before(time.Date(-4713, time.November, 24, 0, 0, 0, 0, time.UTC)): // Day 0 of its calendar.
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: t, Valid: true}
}

// versionParam returns a version as an argument, NULL for none.
func versionParam(version todo.Version) pgtype.Timestamptz {
	if !version.Valid {
		return pgtype.Timestamptz{}
	}
	return timeParam(version.UpdatedAt())
}

// uuidParam returns an id as the driver takes it in every mode.
func uuidParam(id todo.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// lastID returns the ID that is the last in order.
func lastID() (id todo.ID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}
