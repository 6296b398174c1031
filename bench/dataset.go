package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// dataset is what a database holds: todos numbered from 0, dealt out to users
// in turn, so that those of one user lie apart as they would after months of
// use. Spare todos, to be deleted, have the numbers after them.
type dataset struct {
	name  string // Of the database.
	users int64
	todos int64
	fixed bool // They are too many to be stored anew each time.
	dated bool // Half of them have a due date and a priority; not when services of before there were any are compared.
}

// Users and ids are numbers, and every place that needs one makes it from a
// number: SQL that fills the table, pgbench, which knows nothing but numbers,
// and the callers. The ids of successive todos are spread over the whole
// index, as random ones are: they are multiples modulo a prime.
const (
	ownerBase = 1_000_000_000_000_000_000
	idBase    = 100_000_000_000
	idPrime   = 899_999_999_981
	idFactor  = 271_828_182_845
	idZeros   = 20 // Hexadecimal digits, after twelve that are the number.

	// maxNumber is the largest that can be multiplied in 64 bits.
	maxNumber = (1<<63 - 1) / idFactor
)

// user returns whose a todo is, as a number from 0.
func (d dataset) user(n int64) int { return int(n % d.users) }

// owner returns the user id of a number.
func owner(user int64) string { return strconv.FormatInt(ownerBase+user, 10) }

// todoID returns the id of a todo's number.
func todoID(n int64) string {
	digits := strconv.FormatInt(idBase+n*idFactor%idPrime, 10) + strings.Repeat("0", idZeros)
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// When the first todo was made, and the first spare one: a list that is not
// read to its end shows no spare ones.
const (
	ordinary = "2020-01-01"
	oldest   = "2000-01-01"
)

// insert stores the todos from one number to another, which it leaves out, one
// made each second. A half have a description, a third are completed.
func (d dataset) insert(ctx context.Context, conn *pgx.Conn, from, to int64, since string) error {
	if to > maxNumber {
		return fmt.Errorf("%d todos are more than can be numbered", to)
	}
	columns, values := "", ""
	if d.dated {
		columns = ", due_date, due_time, priority"
		values = ", CASE WHEN n % 2 = 0 THEN '2026-01-01'::date + (n % 977)::int END, CASE WHEN n % 4 = 0 THEN '09:00'::time END, NULLIF(n % 4, 0)"
	}
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		INSERT INTO todo (id, title, description, is_completed, user_id, created_at, updated_at`+columns+`)
		SELECT      (%d + n * %d %% %d || repeat('0', %d))::uuid, $1::text,
		            CASE WHEN n %% 2 = 0 THEN $2::text END, n %% 3 = 0, (%d + n %% $3)::text, at, at`+strings.ReplaceAll(values, "%", "%%")+`
		FROM        (SELECT generate_series($4::bigint, $5::bigint - 1) AS n) AS numbers
		CROSS JOIN  LATERAL (SELECT $6::timestamptz + n * INTERVAL '1 second' AS at) AS moment`,
		idBase, idFactor, idPrime, idZeros, ownerBase),
		title, description, d.users, from, to, since)
	return err
}

// replace stores a todo anew.
func (d dataset) replace(ctx context.Context, conn *pgx.Conn, n int64) error {
	if _, err := conn.Exec(ctx, "DELETE FROM todo WHERE id = $1", todoID(n)); err != nil {
		return err
	}
	return d.insert(ctx, conn, n, n+1, ordinary)
}

// settle has PostgreSQL do now what it would otherwise do while something is
// measured.
func settle(ctx context.Context, conn *pgx.Conn) error {
	return execute(ctx, conn, []string{"VACUUM (ANALYZE) todo"})
}

func execute(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// fill stores the todos, a number of spare ones, and nothing else, as fast as
// it goes: without indexes, which are made again afterwards from what the
// database says they were.
func (d dataset) fill(ctx context.Context, conn *pgx.Conn, spares int64) error {
	drop, restore, err := indexes(ctx, conn)
	if err != nil {
		return err
	}
	// A table that was emptied in the same transaction needs no log of what
	// goes into it, where the server's wal_level is minimal.
	before := slices.Concat([]string{"SET maintenance_work_mem = '1GB'", "BEGIN"}, drop, []string{"TRUNCATE todo"})
	after := slices.Concat(restore, []string{"COMMIT"})
	if err := execute(ctx, conn, before); err != nil {
		return err
	}
	if err := d.insert(ctx, conn, 0, d.todos, ordinary); err != nil {
		return err
	}
	if err := d.insert(ctx, conn, d.todos, d.todos+spares, oldest); err != nil {
		return err
	}
	if err := execute(ctx, conn, after); err != nil {
		return err
	}
	return settle(ctx, conn)
}

// indexes returns statements that drop the table's indexes and those that make
// them again.
func indexes(ctx context.Context, conn *pgx.Conn) (drop, restore []string, err error) {
	rows, err := conn.Query(ctx, `
		SELECT   format('ALTER TABLE todo DROP CONSTRAINT %I', conname),
		         format('ALTER TABLE todo ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
		FROM     pg_constraint
		WHERE    conrelid = 'todo'::regclass AND contype IN ('p', 'u')
		UNION ALL
		SELECT   format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
		FROM     pg_index AS i
		WHERE    indrelid = 'todo'::regclass
		  AND    NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)`)
	if err != nil {
		return nil, nil, err
	}
	var dropping, restoring string
	_, err = pgx.ForEachRow(rows, []any{&dropping, &restoring}, func() error {
		drop, restore = append(drop, dropping), append(restore, restoring)
		return nil
	})
	return drop, restore, err
}
