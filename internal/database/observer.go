package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Observer is told of statements and batches, for metrics and traces. It has to be safe
// for concurrent use and must not block. Without one, nothing is measured.
type Observer interface {
	// StatementEnded is told of each statement that [DB.Run] or [Tx.Run] ran, and of
	// each transaction as a whole. The context is the caller's, and may have ended.
	StatementEnded(context.Context, StatementReport)
	// BatchEnded is told of each batch.
	BatchEnded(BatchReport)
}

// StatementReport describes a statement that has ended.
type StatementReport struct {
	Name    string // The statement's.
	Began   time.Time
	Took    time.Duration // Waits included.
	Outcome StatementOutcome
	Batch   BatchReference
}

// Lane is a kind of statements, whose batches are its own.
type Lane string

// The lanes.
const (
	LaneRead  Lane = "read"
	LaneScan  Lane = "scan" // Of [Statement.IsScan].
	LaneWrite Lane = "write"
)

// BatchReference says which batch a statement was in last. It is zero for a statement
// that was in none.
type BatchReference struct {
	Number int64 // Counts the batches of a process and lane.
	Lane   Lane
	Size   int // Its statements.
	Sent   time.Time
}

// StatementOutcome is how a statement ended.
type StatementOutcome string

// The outcomes of statements.
const (
	OutcomeOK          StatementOutcome = "ok"          // No row counts as well.
	OutcomeUnavailable StatementOutcome = "unavailable" // [ErrUnavailable].
	OutcomeDeadline    StatementOutcome = "deadline"    // Its caller had no more time, or the server canceled it.
	OutcomeCanceled    StatementOutcome = "canceled"    // The caller left.
	OutcomeError       StatementOutcome = "error"       // Anything else.
)

// BatchReport describes a batch that has ended.
type BatchReport struct {
	Lane    Lane
	Size    int // Statements.
	Took    time.Duration
	Outcome BatchOutcome
}

// BatchOutcome is what became of a batch.
type BatchOutcome string

// The outcomes of batches.
const (
	BatchCommitted  BatchOutcome = "committed"
	BatchRolledBack BatchOutcome = "rolled_back"
	BatchUnknown    BatchOutcome = "unknown" // The server's answer was lost.
)

// report tells the observer of a statement that has ended, by what is known of it.
func (db *DB) report(ctx context.Context, r StatementReport, err error) {
	if db.observer == nil {
		return
	}
	r.Took, r.Outcome = time.Since(r.Began), statementOutcome(err)
	db.observer.StatementEnded(ctx, r)
}

func statementOutcome(err error) StatementOutcome {
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows):
		return OutcomeOK
	case errors.Is(err, ErrUnavailable):
		return OutcomeUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return OutcomeDeadline
	case errors.Is(err, context.Canceled):
		return OutcomeCanceled
	}
	return OutcomeError
}

// report returns what an observer is told of an outcome.
func (o outcome) report() BatchOutcome {
	switch o {
	case committed:
		return BatchCommitted
	case rolledBack:
		return BatchRolledBack
	case unknown:
	}
	return BatchUnknown
}
