package main

import (
	"context"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestAMigrationWhoseLogHasNoReaderGoesOn has a reader that takes nothing: the
// migration's locks would be held until it does.
func TestAMigrationWhoseLogHasNoReaderGoesOn(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmptyDatabase(t)
	environment := map[string]string{"DATABASE_URL": database, "LOG_LEVEL": "debug"}
	reader := newStuck()
	done := make(chan error, 1)
	go func() {
		done <- run(context.Background(), []string{"migrate"}, func(name string) string { return environment[name] }, reader)
	}()
	defer close(reader.free)
	<-reader.begun
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the migration waits for its log's reader")
	}
	pgtest.Exec(t, database, "SELECT FROM todo") // It is there.
}
