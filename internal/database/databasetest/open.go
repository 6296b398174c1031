// Package databasetest opens databases for tests.
package databasetest

import (
	"log/slog"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
)

// Open opens a database with so many connections, batches of reads and of writes, and
// a log that goes nowhere, unless change changes that, and closes it when the test has
// ended. Its bounds are those that no test meets, however slow the machine is.
func Open(t testing.TB, url string, conns int, change ...func(*database.Config)) *database.DB {
	t.Helper()
	config := database.Config{URL: url, MaxConns: conns, Batches: 2, Logger: slog.New(slog.DiscardHandler), Bounds: patientBounds()}
	for _, change := range change {
		change(&config)
	}
	db, err := database.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func patientBounds() database.Bounds {
	const long = time.Minute
	b := database.UsualBounds()
	b.Connect, b.OtherHosts, b.Acquire, b.Alone, b.Statement, b.Ping, b.Batch, b.Cancel = long, long, long, long, long, long, long, long
	b.BatchLock, b.TransactionLock = long/2, long/2
	return b
}
