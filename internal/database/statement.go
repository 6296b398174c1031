package database

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Statement is one SQL statement and what becomes of its rows.
type Statement struct {
	Name string // What errors call it.
	SQL  string
	Args []any

	// Owner is the user whose rows the statement writes; "" for one that only
	// reads.
	Owner string

	// Idempotent says that a second run does no harm when nobody knows whether the
	// first one took effect, as every read is.
	Idempotent bool

	// Alone keeps the statement out of batches, for one that may take long.
	Alone bool

	// IsScan says of a read that it reads many more rows than come back. It is in
	// batches of its like, a few at a time, so that short statements don't wait for it.
	IsScan bool

	// MaxRows is how many rows may come back; 0 means one. Of a batch, the sum is
	// bounded.
	MaxRows int

	// Read reads the rows to their end. It is called anew for each run, which
	// starts over: rows of a run that failed must not be kept. When the context has
	// ended, Run may return while a batch still calls it: nothing that it writes may
	// be touched unless Run has succeeded.
	Read func(pgx.Rows) error
}

// writes reports whether the statement changes anything.
func (s *Statement) writes() bool { return s.Owner != "" }

// isRepeatable reports whether a second run does no harm, whatever the first did.
func (s *Statement) isRepeatable() bool { return s.Idempotent || !s.writes() }

// runOn runs the statement by itself.
func (s *Statement) runOn(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, s.SQL, s.Args...)
	if err == nil {
		err = s.read(rows)
	}
	if isLocal := s.writes() && isLocalCommit(conn); err == nil && isLocal {
		return errLocalCommit
	}
	return err
}

// read hands the rows to Read. It fails when the server does, also behind the last
// row, whatever Read says of what came before.
func (s *Statement) read(rows pgx.Rows) error {
	defer rows.Close()
	err := s.Read(rows)
	rows.Close()
	if failure := rows.Err(); failure != nil {
		return failure
	}
	return err
}
