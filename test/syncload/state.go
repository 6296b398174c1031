//go:build linux

package syncload

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// State is what both a copy and the table know of a todo.
type State struct {
	title                           string
	isCompleted, isPurged           bool
	createdAt, updatedAt, deletedAt int64 // In microseconds; 0 for never.
}

// stateOf returns the state of a todo in a copy; the zero value for none.
func stateOf(t *todov1.Todo) State {
	if t == nil {
		return State{}
	}
	s := State{
		title: t.GetTitle(), isCompleted: t.GetIsCompleted(), isPurged: t.GetPurged(),
		createdAt: t.GetCreatedAt().AsTime().UnixMicro(), updatedAt: t.GetUpdatedAt().AsTime().UnixMicro(),
	}
	if t.GetDeletedAt() != nil {
		s.deletedAt = t.GetDeletedAt().AsTime().UnixMicro()
	}
	return s
}

// Table returns a user's todos as a database's table has them, by id.
func Table(t *testing.T, conn *pgx.Conn, user string) map[string]State {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT id::text, title, is_completed, purged, created_at, updated_at, COALESCE(deleted_at, 'epoch')
		FROM   todo
		WHERE  user_id = $1`, user)
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]State)
	var id string
	var is State
	var created, updated, deleted time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &is.title, &is.isCompleted, &is.isPurged, &created, &updated, &deleted}, func() error {
		is.createdAt, is.updatedAt, is.deletedAt = created.UnixMicro(), updated.UnixMicro(), deleted.UnixMicro()
		table[id] = is
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
