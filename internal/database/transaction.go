package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errNotCommitted says that the server has rolled a transaction back in place of
// committing it.
var errNotCommitted = errors.New("rolled back in place of the commit")

// Transaction is statements that take effect together, or not at all.
type Transaction struct {
	Name string // What errors call it.

	// Owner is the user whose rows the transaction writes.
	Owner string

	// Idempotent says that a second run does no harm when nobody knows whether the
	// first one was committed.
	Idempotent bool

	// Run runs the statements, and decides whether they are committed. With an error
	// they are not. Like [Statement.Read] it is called anew for each run, and what it
	// kept of a run that failed must be forgotten.
	Run func(ctx context.Context, tx *Tx) (commit bool, err error)
}

// Tx is a transaction under way. Not safe for concurrent use.
type Tx struct {
	db   *DB
	conn *pgx.Conn
	err  error // What ended it.
}

// RunTx runs a transaction, outside of batches, as [DB.Run] runs a statement that is
// alone, within seven seconds. Each of its statements has five of them, and waits for a lock
// for two.
//
// The transaction runs again, within its time, when what others did at the same time was
// in its way, and when its connection was lost, if it is idempotent or its commit had not
// been sent.
//
// It fails as DB.Run does, and with the error of Run.
func (db *DB) RunTx(ctx context.Context, t Transaction) error {
	began := time.Now()
	err := db.runTx(ctx, &t)
	db.report(ctx, StatementReport{Name: t.Name, Began: began}, err)
	return err
}

func (db *DB) runTx(ctx context.Context, t *Transaction) error {
	if err := waitIfSpent(ctx); err != nil {
		return interpret(ctx, t.Name, err)
	}
	// Its locks would hold up a batch.
	defer db.writes.exclude(t.Owner)()
	var isCommitSent bool
	err := db.runAdmitted(ctx, &job{
		owner: t.Owner,
		bound: db.bounds.Alone,
		run: func(ctx context.Context, conn *pgx.Conn) error {
			isCommitSent = false
			return t.runOn(ctx, &Tx{db: db, conn: conn}, &isCommitSent)
		},
		isRepeatable: func() bool { return t.Idempotent || !isCommitSent },
	}, 0)
	return interpret(ctx, t.Name, err)
}

// runOn runs the transaction once. It leaves a connection that others can use, or none.
func (t *Transaction) runOn(ctx context.Context, tx *Tx, isCommitSent *bool) error {
	defer tx.rollBack(ctx)
	if err := tx.begin(ctx); err != nil {
		return err
	}
	commit, err := t.Run(ctx, tx)
	switch {
	case tx.err != nil: // Whatever Run makes of it.
		return tx.err
	case err != nil || !commit:
		return err
	}
	*isCommitSent = true
	return tx.commit(ctx)
}

// exec has the server begin or commit the transaction, within the bound of a statement.
func (tx *Tx) exec(ctx context.Context, sql string) (tag pgconn.CommandTag, err error) {
	err = within(ctx, tx.db.bounds.Statement, tx.conn, func(ctx context.Context, conn *pgx.Conn) (err error) {
		tag, err = conn.Exec(ctx, sql)
		return err
	})
	return tag, err
}

// commit commits the transaction.
func (tx *Tx) commit(ctx context.Context) error {
	tag, err := tx.exec(ctx, "COMMIT")
	switch isLocal := isLocalCommit(tx.conn); {
	case err != nil:
		return err
	case tag.String() != "COMMIT":
		return errNotCommitted
	case isLocal:
		return errLocalCommit
	}
	return nil
}

// begin begins the transaction, in one round trip. Each statement sees what was committed
// before it began, whatever the database's default is: it may have waited for a lock
// before.
func (tx *Tx) begin(ctx context.Context) error {
	_, err := tx.exec(ctx, fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = %d",
		tx.db.bounds.TransactionLock.Milliseconds()))
	return err
}

// rollBack ends the transaction if it is still open, also when its context has ended. A
// connection on which that fails is closed when it is released.
func (tx *Tx) rollBack(ctx context.Context) {
	const idle = 'I'
	if tx.conn.IsClosed() || tx.conn.PgConn().TxStatus() == idle {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), tx.db.bounds.Cancel, errLate)
	defer cancel()
	_, _ = tx.conn.Exec(ctx, "ROLLBACK") // As said above.
}

// Run runs a statement in the transaction. It fails as [DB.Run] does. Once it has failed
// for another reason than Read, the transaction can't be committed any more, and every
// statement fails.
func (tx *Tx) Run(ctx context.Context, s Statement) error {
	if tx.err != nil {
		return interpret(ctx, s.Name, tx.err)
	}
	began := time.Now()
	err := interpret(ctx, s.Name, tx.run(ctx, &s))
	tx.db.report(ctx, StatementReport{Name: s.Name, Began: began}, err)
	return err
}

func (tx *Tx) run(ctx context.Context, s *Statement) error {
	var own error // Of Read.
	err := within(ctx, tx.db.bounds.Statement, tx.conn, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, s.SQL, s.Args...)
		if err == nil {
			err = s.read(rows)
		}
		if isOwn(ctx, conn, err) {
			own, err = err, nil
		}
		return err
	})
	if err != nil {
		tx.err = fmt.Errorf("%s: %w", s.Name, err)
		return err
	}
	return own
}
