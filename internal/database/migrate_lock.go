package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// migrateLock is what Atlas calls the lock that its own migrations take.
const migrateLock = "atlas_migrate_execute"

// begin begins a transaction in which no other migration of the database runs,
// and whose waits for locks are short. Whatever the database's or the role's
// defaults are, its statements take the time that they need, and what the server
// writes of the schema, it reads again: years before 1 in a German style, it
// doesn't.
func (m *migration) begin(ctx context.Context) (*sql.Tx, error) {
	// Each statement has to see what the migration before this one has done,
	// whatever isolation the role begins with.
	tx, err := m.conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	err = func() error {
		const session = `
			SELECT set_config(name, value, true)
			  FROM (VALUES ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
			               ('DateStyle', 'ISO, MDY'), ('TimeZone', 'UTC'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '3'),
			               ('standard_conforming_strings', 'on'), ('quote_all_identifiers', 'off')) AS wanted (name, value)
			 WHERE name IN (SELECT name FROM pg_settings)`
		if _, err := tx.ExecContext(ctx, session); err != nil {
			return fmt.Errorf("set how the session behaves: %w", err)
		}
		if err := m.queue(ctx, tx); err != nil {
			return err
		}
		return setLockTimeout(ctx, tx, m.cfg.LockTimeout)
	}()
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// queue waits until no other migration of the database runs and keeps others
// waiting until the transaction ends. It takes Atlas's advisory lock, though
// the transaction's form of it, which needs no release and so survives neither
// a killed process nor a pooler that hands the connection on.
func (m *migration) queue(ctx context.Context, tx *sql.Tx) error {
	if err := setLockTimeout(ctx, tx, m.cfg.QueueTimeout); err != nil {
		return err
	}
	key := fnv.New32()
	_, _ = key.Write([]byte(migrateLock)) // A hash takes everything.
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(key.Sum32()))
	if hasState(err, lockNotAvailable) {
		return fmt.Errorf("another migration of the database has been running for %v: run it again when that one has ended", m.cfg.QueueTimeout)
	}
	if err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	return nil
}

// setLockTimeout bounds every wait for a lock in the rest of the transaction.
func setLockTimeout(ctx context.Context, tx *sql.Tx, timeout time.Duration) error {
	milliseconds := max(1, timeout.Milliseconds()) // 0 would be no bound.
	if _, err := tx.ExecContext(ctx, `SELECT set_config('lock_timeout', $1, true)`, fmt.Sprintf("%dms", milliseconds)); err != nil {
		return fmt.Errorf("set lock_timeout: %w", err)
	}
	return nil
}

// busyError explains that a lock couldn't be had, and names the processes of
// the database that have been in the way.
func (m *migration) busyError(ctx context.Context, cause error) error {
	const query = `
		SELECT coalesce(string_agg(DISTINCT l.pid::text, ', '), '')
		  FROM pg_locks l
		  JOIN pg_class c ON c.oid = l.relation
		  JOIN pg_namespace n ON n.oid = c.relnamespace
		  JOIN pg_database d ON d.oid = l.database
		  JOIN pg_stat_activity a ON a.pid = l.pid
		 WHERE l.granted
		   AND l.pid <> pg_backend_pid()
		   AND d.datname = current_database()
		   AND n.nspname = current_schema()
		   AND c.relname = ANY($1)
		   -- Who may not be looked at is suspected as well.
		   AND coalesce(a.xact_start < clock_timestamp() - make_interval(secs => $2), true)`
	var holders string
	// Without an answer the error still says what to do.
	_ = m.conn.QueryRowContext(ctx, query, m.tables, m.cfg.LockTimeout.Seconds()).Scan(&holders)
	if holders != "" {
		holders = " by process " + holders
	}
	return fmt.Errorf("a table is busy, in use%s for longer than a migration may hold others up: "+
		"run it again later, or end the long transaction (pg_stat_activity shows it, pg_terminate_backend ends it): %w", holders, cause)
}
