package postgres

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// row reads the rows of a statement, one after the other, and of each the columns, one
// after the other.
//
// It decodes usual types itself where they come in their binary form, and leaves all else
// to the driver. That takes 265 ns for the 16 columns of a todo, of which 7 are NULL. The
// driver's plans take 294.
type row struct {
	rows   pgx.Rows
	fields []pgconn.FieldDescription
	values [][]byte // Of this row; nil for NULL.
	next   int      // The next column.
	err    error    // The first one.
}

// isNext goes to the next row, and reports whether there is one.
func (r *row) isNext() bool {
	if !r.rows.Next() {
		return false
	}
	if r.fields == nil {
		r.fields = r.rows.FieldDescriptions()
	}
	r.values, r.next = r.rows.RawValues(), 0
	return true
}

// end returns the first error of the rows.
func (r *row) end() error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Err()
}

// isNull reports whether the next column is NULL. It does not go on from it.
func (r *row) isNull() bool { return r.next < len(r.values) && r.values[r.next] == nil }

// column returns the next column, nil for NULL, and reports whether it is in binary form
// and has so many bytes. It has to be of a type.
func (r *row) column(oid uint32, size int) (value []byte, isUsual bool) {
	i := r.next
	if i >= len(r.values) || len(r.fields) != len(r.values) {
		r.fail(fmt.Errorf("postgres: column %d of %d", i, len(r.values)))
		return nil, false
	}
	r.next++
	if field := &r.fields[i]; field.DataTypeOID != oid {
		r.fail(fmt.Errorf("postgres: column %s is of the type %d, not %d", field.Name, field.DataTypeOID, oid))
		return nil, false
	}
	value = r.values[i]
	return value, len(value) == size && r.fields[i].Format == pgx.BinaryFormatCode
}

// scan has the driver decode the column that was returned last.
func (r *row) scan(into any) {
	if r.err != nil {
		return
	}
	i := r.next - 1
	field := &r.fields[i]
	if err := r.rows.TypeMap().Scan(field.DataTypeOID, field.Format, r.values[i], into); err != nil {
		r.fail(fmt.Errorf("postgres: column %s: %w", field.Name, err))
	}
}

func (r *row) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// text reads a text, NULL as none. Its bytes are the same in both forms, and in those of
// all types of text.
func (r *row) text() string {
	oid := uint32(pgtype.VarcharOID)
	if r.next < len(r.fields) && r.fields[r.next].DataTypeOID == pgtype.TextOID {
		oid = pgtype.TextOID
	}
	value, _ := r.column(oid, 0)
	return string(value)
}

// id reads an id, NULL as the zero one.
func (r *row) id() todo.ID {
	value, isUsual := r.column(pgtype.UUIDOID, len(todo.ID{}))
	if isUsual {
		return todo.ID(value)
	}
	var scanned pgtype.UUID
	r.scan(&scanned)
	return scanned.Bytes
}

// flag reads a boolean, NULL as false.
func (r *row) flag() bool {
	value, isUsual := r.column(pgtype.BoolOID, 1)
	if isUsual {
		return value[0] != 0
	}
	var scanned pgtype.Bool
	r.scan(&scanned)
	return scanned.Bool
}

// number reads an integer, NULL as 0.
func (r *row) number() int64 {
	value, isUsual := r.column(pgtype.Int8OID, 8)
	if isUsual {
		return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // Any 64 bits are a number.
	}
	var scanned pgtype.Int8
	r.scan(&scanned)
	return scanned.Int64
}

// integer reads an integer of 32 bits, NULL as 0.
func (r *row) integer() int32 {
	value, isUsual := r.column(pgtype.Int4OID, 4)
	if isUsual {
		return int32(binary.BigEndian.Uint32(value)) //nolint:gosec // Any 32 bits are a number.
	}
	var scanned pgtype.Int4
	r.scan(&scanned)
	return scanned.Int32
}

// instant reads a time, infinity as the last that there is, and -infinity and NULL as the
// first.
func (r *row) instant() time.Time {
	value, isUsual := r.column(pgtype.TimestamptzOID, 8)
	if isUsual {
		return timeOfMicros(int64(binary.BigEndian.Uint64(value))) //nolint:gosec // Any 64 bits are a number.
	}
	var scanned pgtype.Timestamptz
	r.scan(&scanned)
	return timeOf(scanned)
}

// instantOrNone reads a time, NULL as the zero one.
func (r *row) instantOrNone() time.Time {
	if r.isNull() {
		r.next++
		return time.Time{}
	}
	return r.instant()
}

// date reads a day as YYYY-MM-DD, NULL as none, and one that can't be told as the nearest.
func (r *row) date() string {
	if value, _ := r.column(pgtype.DateOID, 0); value == nil {
		return ""
	}
	var scanned pgtype.Date
	r.scan(&scanned)
	switch {
	case scanned.InfinityModifier == pgtype.Infinity, scanned.Time.Year() > 9999:
		return "9999-12-31"
	case scanned.InfinityModifier == pgtype.NegativeInfinity, scanned.Time.Year() < 1:
		return "0001-01-01"
	}
	return scanned.Time.Format(time.DateOnly)
}

// timeOfDay reads a time of the day as HH:MM, NULL as none. PostgreSQL has 24:00 too.
func (r *row) timeOfDay() string {
	if value, _ := r.column(pgtype.TimeOID, 0); value == nil {
		return ""
	}
	var scanned pgtype.Time
	r.scan(&scanned)
	const minute, last = 60_000_000, 24*60 - 1
	minutes := min(scanned.Microseconds/minute, last)
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}

// priority reads a priority, NULL and what is none as none.
func (r *row) priority() todo.Priority {
	if value, _ := r.column(pgtype.Int2OID, 0); value == nil {
		return todo.NoPriority
	}
	var scanned pgtype.Int2
	r.scan(&scanned)
	if p := todo.Priority(scanned.Int16); todo.NoPriority < p && p <= todo.HighPriority {
		return p
	}
	return todo.NoPriority
}

// position reads a place in the order by hand, NULL and what is no key as none.
func (r *row) position() string {
	text := r.text()
	if !todo.IsPosition(text) {
		return ""
	}
	return text
}

// tags reads tags, NULL and what are none as none.
func (r *row) tags() todo.Tags {
	value, _ := r.column(pgtype.JSONBOID, 0)
	if value == nil {
		return nil
	}
	var members map[string]any
	if r.fields[r.next-1].Format == pgx.BinaryFormatCode && len(value) > 0 {
		value = value[1:] // The version of jsonb.
	}
	if json.Unmarshal(value, &members) != nil {
		return nil
	}
	byFolded := make(map[string]string, len(members))
	for folded, written := range members {
		if tag, ok := written.(string); ok {
			byFolded[folded] = tag
		}
	}
	return todo.TagsByFolded(byFolded)
}
