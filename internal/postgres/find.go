package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// A list with a filter, or in another order than that of creation, reads all of the
// owner's todos, keeps those that meet the filter, and sorts them. A page begins after
// the place and the id of the last todo of the page before.

// ownersAlive and ownersTrash keep a statement to the owner's part of an index, whatever
// the planner knows of the owner: one with half of the table would else have it read
// whole. The subqueries hide from the planner that the range is all there is, so it
// expects few rows.
const (
	ownersAlive = `
			         user_id = $1
			  AND    deleted_at IS NULL
			  AND    created_at BETWEEN (SELECT '-infinity'::timestamptz) AND (SELECT 'infinity'::timestamptz)`
	ownersTrash = `
			         user_id = $1
			  AND    deleted_at IS NOT NULL
			  AND    NOT purged
			  AND    deleted_at BETWEEN (SELECT '-infinity'::timestamptz) AND (SELECT 'infinity'::timestamptz)`
)

// meetsFilter is the condition of a filter, each part of which is NULL for none. What has
// a time in a zone is due at an instant, and all else on a day, wherever the user is. The
// search comes last, as it takes longest.
const meetsFilter = `
			  AND    COALESCE(is_completed = $4::boolean, true)
			  AND    ($5::text[] IS NULL OR tags ?& $5)
			  AND    ($6::text[] IS NULL OR tags ?| $6)
			  AND    ($7::integer[] IS NULL OR ` + known + ` = ANY ($7))
			  AND    ($8::date IS NULL OR CASE WHEN due_at IS NULL THEN due_date >= $8 ELSE due_at >= $9::timestamptz END)
			  AND    ($10::date IS NULL OR CASE WHEN due_at IS NULL THEN due_date <= $10 ELSE due_at < $11::timestamptz END)
			  AND    (due_date IS NULL OR NOT $12::boolean)
			  AND    ($13::timestamptz IS NULL OR updated_at >= $13)
			  AND    ($14::text IS NULL OR (title || E'\n' || COALESCE(description, '')) COLLATE "C" ~ $14)`

// known is a priority as scanTodo reads it: what another program has stored may be none of
// the service's.
const known = `(CASE WHEN priority BETWEEN 1 AND 3 THEN priority ELSE 0 END)`

// dueAt is the instant at which a todo is due. A local time is one by the offset that the
// user's zone has then: $16 has the local times from which the offsets of $17 hold. A day
// is due at its end, after all times of it.
const dueAt = `CASE WHEN due_at IS NOT NULL THEN due_at
			              WHEN due_date IS NULL   THEN 'infinity'
			              WHEN due_time IS NULL   THEN (` + dueDay + ` + 1)::timestamp AT TIME ZONE ($17::interval[])[width_bucket((` + dueDay + ` + 1)::timestamp, $16::timestamp[])] - INTERVAL '1 microsecond'
			              ELSE (` + dueDay + ` + due_time) AT TIME ZONE ($17::interval[])[width_bucket(` + dueDay + ` + due_time, $16::timestamp[])]
			         END`

// dueDay is the day on which a todo is due, or the nearest that the API has: PostgreSQL
// has days without a timestamp, and one such row must not take the list down.
const dueDay = `LEAST(GREATEST(due_date, '0001-01-01'), '9999-12-31')`

// givenPosition is a position as scanTodo reads it, NULL for none. It has the conditions of
// [todo.IsPosition].
const givenPosition = `CASE WHEN position COLLATE "C" ~ '^[A-Za-z][0-9A-Za-z]+$' AND length(position) <= 255
			         AND  position <> 'A00000000000000000000000000'
			         AND  (length(position) = ` + wholeNumber + ` OR length(position) > ` + wholeNumber + ` AND right(position, 1) <> '0')
			         THEN position END`

// wholeNumber is how long the whole number of a position's key is.
const wholeNumber = `2 + GREATEST(ascii(position) - ascii('a'), ascii('Z') - ascii(position))`

// positioned is the key of a todo's place by hand: see [todo.Todo.AppendPosition].
const positioned = `COALESCE(` + givenPosition + `, 'M' || lpad(to_hex(72057594037927935 - (1000000 * extract(epoch FROM
			         LEAST(GREATEST(created_at, '1970-01-01 00:00:00+00'), '4253-05-31 22:20:37.927935+00')))::bigint), 14, '0')) COLLATE "C"`

// findSQL returns the statement for the order of a query, and its arguments besides those
// that all orders have.
func findSQL(query todo.Query) (sql string, args []any) {
	switch {
	case query.InTrash:
		return `
			SELECT   ` + columns + `, deleted_at
			FROM     todo
			WHERE    ` + ownersTrash + meetsFilter + `
			  AND    ($2::timestamptz IS NULL OR (deleted_at, id) < ($2, $3::uuid))
			ORDER BY deleted_at DESC, id DESC
			LIMIT    $15`, nil
	case query.Order == todo.ByDue:
		from, offsets := zoneArgs(query.Zone.Offsets())
		return `
			SELECT   ` + columns + `, at
			FROM     todo
			CROSS    JOIN LATERAL (SELECT ` + dueAt + ` AS at) AS due
			WHERE    ` + ownersAlive + meetsFilter + `
			  AND    ($2::timestamptz IS NULL OR (at, id) > ($2, $3::uuid))
			ORDER BY at, id
			LIMIT    $15`, []any{from, offsets}
	case query.Order == todo.ByPriority:
		return `
			SELECT   ` + columns + `, created_at
			FROM     todo
			WHERE    ` + ownersAlive + meetsFilter + `
			  AND    ($2::timestamptz IS NULL OR (` + known + `, created_at, id) < ($16::integer, $2, $3::uuid))
			ORDER BY ` + known + ` DESC, created_at DESC, id DESC
			LIMIT    $15`, []any{int32(cursorOf(query).Priority)}
	case query.Order == todo.ByPosition:
		return `
			SELECT   ` + columns + `, $2::timestamptz
			FROM     todo
			CROSS    JOIN LATERAL (SELECT ` + positioned + ` AS place) AS hand
			WHERE    ` + ownersAlive + meetsFilter + `
			  AND    ($16::text IS NULL OR (place, id) > ($16, $3::uuid))
			ORDER BY place, id
			LIMIT    $15`, []any{positionParam(query.After)}
	case query.Order == todo.ByUpdate:
		return `
			SELECT   ` + columns + `, updated_at
			FROM     todo
			WHERE    ` + ownersAlive + meetsFilter + `
			  AND    ($2::timestamptz IS NULL OR (COALESCE(updated_at, '-infinity'), id) < ($2, $3::uuid))
			ORDER BY COALESCE(updated_at, '-infinity') DESC, id DESC
			LIMIT    $15`, nil
	default:
		return `
			SELECT   ` + columns + `, created_at
			FROM     todo
			WHERE    ` + ownersAlive + meetsFilter + `
			  AND    ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
			ORDER BY created_at DESC, id DESC
			LIMIT    $15`, nil
	}
}

// find returns a page of a list that is not plain.
func (s *Store) find(ctx context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	if query.InTrash {
		query.Order = todo.ByCreation // As far as positions are concerned: a time and an id.
	}
	args, err := s.findArgs(owner, query)
	if err != nil {
		return todo.Page{}, err
	}
	sql, more := findSQL(query)
	var page todo.Page
	err = s.run(ctx, database.Statement{
		Name:    "find todos",
		SQL:     sql,
		Args:    append(args, more...),
		MaxRows: query.Size + 1,
		IsScan:  true, // It reads all of the owner's todos.
		Read: func(rows pgx.Rows) error {
			defer rows.Close()
			page = todo.Page{}
			row := row{rows: rows}
			for row.isNext() {
				var found todo.Todo
				if err := s.scanTodo(&row, &found); err != nil {
					return err
				}
				page.Todos = append(page.Todos, found)
				page.Cursors = append(page.Cursors, cursorAt(query.Order, found, row.instant()))
			}
			return row.end()
		},
	})
	if err != nil || len(page.Todos) <= query.Size {
		return page, err
	}
	page.Todos, page.Cursors = page.Todos[:query.Size], page.Cursors[:query.Size]
	page.Next = &page.Cursors[query.Size-1]
	return page, nil
}

// cursorAt returns the position after a todo in a list in an order.
func cursorAt(order todo.Order, t todo.Todo, at time.Time) todo.Cursor {
	switch order {
	case todo.ByPriority:
		return todo.Cursor{At: at, Priority: t.Priority, ID: t.ID}
	case todo.ByPosition:
		return todo.Cursor{Position: string(t.AppendPosition(nil)), ID: t.ID}
	default:
		return todo.Cursor{At: at, ID: t.ID}
	}
}

// cursorOf returns a query's position, the zero one for none.
func cursorOf(query todo.Query) todo.Cursor {
	if query.After == nil {
		return todo.Cursor{}
	}
	return *query.After
}

// positionParam returns a position's key as an argument, NULL for none.
func positionParam(cursor *todo.Cursor) *string {
	if cursor == nil {
		return nil
	}
	return &cursor.Position
}

// findArgs returns the arguments that the statements of all orders have: the owner, the
// position, the filter and one todo more than the page has, which tells whether there is a
// next page.
func (s *Store) findArgs(owner todo.UserID, query todo.Query) ([]any, error) {
	filter := query.Filter
	from, fromAt, err := dayParams(filter.DueFrom, query.Zone.Begin)
	if err != nil {
		return nil, err
	}
	to, toAt, err := dayParams(filter.DueTo, query.Zone.End)
	if err != nil {
		return nil, err
	}
	var at, since pgtype.Timestamptz
	if query.After != nil {
		at = timeParam(query.After.At)
	}
	if !filter.UpdatedSince.IsZero() {
		since = timeParam(filter.UpdatedSince.Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond))
	}
	var priorities []int32
	for _, priority := range filter.Priorities {
		priorities = append(priorities, int32(priority))
	}
	var pattern *string
	if len(filter.Words) > 0 {
		text := s.foldings().pattern(filter.Words)
		pattern = &text
	}
	return []any{
		owner.String(), at, uuidParam(cursorOf(query).ID), query.IsCompleted,
		filter.AllTags, filter.AnyTags, priorities, from, fromAt, to, toAt, filter.NoDueDate, since, pattern,
		query.Size + 1,
	}, nil
}

// dayParams returns a day and an instant of it as arguments, NULL for no day.
func dayParams(date string, instantOf func(string) (time.Time, error)) (day pgtype.Date, instant pgtype.Timestamptz, err error) {
	if date == "" {
		return day, instant, nil
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return day, instant, fmt.Errorf("postgres: %w", err)
	}
	of, err := instantOf(date)
	return pgtype.Date{Time: at, Valid: true}, timeParam(of), err
}

// zoneArgs returns the offsets of a zone as arguments: pointers, since the driver allocates
// memory for each element that is none.
func zoneArgs(offsets []todo.LocalOffset) (from []*pgtype.Timestamp, by []*pgtype.Interval) {
	n := len(offsets)
	from, by = make([]*pgtype.Timestamp, n), make([]*pgtype.Interval, n)
	starts, values := make([]pgtype.Timestamp, n), make([]pgtype.Interval, n)
	for i, o := range offsets {
		starts[i].Time, starts[i].Valid = o.From, true
		values[i].Microseconds, values[i].Valid = o.Offset.Microseconds(), true
		from[i], by[i] = &starts[i], &values[i]
	}
	starts[0].InfinityModifier = pgtype.NegativeInfinity
	return from, by
}
