package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

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
	return withinLast(v.Time.UTC())
}

// timeOfMicros returns the time of a timestamptz in its binary form: microseconds since
// 2000, the first and the last number for infinity.
func timeOfMicros(micros int64) time.Time {
	const year2000 = 946_684_800 // In seconds of Unix time.
	switch micros {
	case firstMicro, lastMicro:
		return time.UnixMicro(micros).UTC()
	}
	return withinLast(time.Unix(micros/1e6+year2000, micros%1e6*1e3).UTC())
}

// withinLast returns a time, or the last one if that is earlier: PostgreSQL's times end
// in year 294276, 29 years after it.
func withinLast(t time.Time) time.Time {
	if t.Unix() < lastMicro/1_000_000 {
		return t
	}
	if last := time.UnixMicro(lastMicro - 1).UTC(); t.After(last) {
		return last
	}
	return t
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
