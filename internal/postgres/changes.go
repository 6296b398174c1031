package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// account is an account as a statement found it, with changes of its owner's todos.
type account struct {
	epoch           int32
	revision, floor int64
	isOnStandby     bool
	isElsewhere     bool // It is sealed, and the owner's todos are in another database.
	changed         []todo.Todo
}

// ListChanges implements [todo.Store].
func (s *Store) ListChanges(ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error) {
	if s.config.TrashRetention == 0 {
		return todo.Changes{}, todo.ErrNoTrash
	}
	from := after
	if from == nil {
		from = beforeAll()
	}
	found, err := s.changesAfter(ctx, owner, from, size)
	if errors.Is(err, todo.ErrNotFound) {
		if err := s.lockAccount(ctx, owner); err != nil {
			return todo.Changes{}, err
		}
		found, err = s.changesAfter(ctx, owner, from, size)
	}
	isReset := err == nil && after != nil && found.isVoid(after)
	if isReset {
		after = nil
		found, err = s.changesAfter(ctx, owner, beforeAll(), size)
	}
	switch {
	case err != nil:
		return todo.Changes{}, err
	case found.isElsewhere:
		return todo.Changes{}, errMoving("list changes")
	case found.isOnStandby:
		return todo.Changes{}, fmt.Errorf("postgres: list changes: %w: the server is a standby, which may lack changes", todo.ErrUnavailable)
	}
	changes := found.page(after, size)
	changes.IsReset = isReset
	return changes, nil
}

// beforeAll is the position before an owner's first todo. Its revision is less than that
// of todos from before there were revisions, 0.
func beforeAll() *todo.SyncPosition { return &todo.SyncPosition{Revision: -1} }

// isVoid reports whether changes can't be continued at a position: it is of another
// epoch, or of a future that a restore has undone, or todos have been removed since that
// were deleted after it.
func (a account) isVoid(at *todo.SyncPosition) bool {
	return at.Epoch != a.epoch || max(at.Revision, at.Start) > a.revision || max(readUpTo(at), at.Start) < a.floor
}

// readUpTo returns the last revision of which a client at a position has read all todos.
// Those that one statement has changed share a revision, and a page may end among them.
func readUpTo(at *todo.SyncPosition) int64 {
	if at.ID != lastID() {
		return at.Revision - 1
	}
	return at.Revision
}

// page returns the changes that follow a position, nil for the beginning.
func (a account) page(after *todo.SyncPosition, size int) todo.Changes {
	next := todo.SyncPosition{Epoch: a.epoch, Revision: a.revision, ID: lastID(), Start: a.revision}
	if after != nil {
		next.Start = after.Start
	}
	changes := todo.Changes{Todos: a.changed, HasMore: len(a.changed) > size}
	if changes.HasMore {
		changes.Todos = a.changed[:size]
		last := changes.Todos[size-1]
		next.Revision, next.ID = last.Revision, last.ID
	}
	changes.Next = next
	return changes
}

// changesAfter reads an account and the changes after a position in one snapshot: one
// more than the page's size tells whether there are more. It fails with
// [todo.ErrNotFound] when there is no account.
//
// No todo has a greater revision than its account. So the todos are not looked at when
// the position is the account's, which is what most clients ask.
func (s *Store) changesAfter(ctx context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (account, error) {
	var found account
	var isFound bool
	limit := size + 1
	err := s.run(ctx, database.Statement{
		Name: "list changes",
		SQL: `
			SELECT   ` + currentEpoch + `, account.revision, account.floor, pg_is_in_recovery(), NOT account.` + isHere + `, ` + columns + `
			FROM     todo_account AS account
			LEFT     JOIN LATERAL (SELECT   *
			                       FROM     todo
			                       WHERE    user_id = $1
			                         AND    (account.revision, $5::uuid) > ($2, $3)
			                         AND    (revision, id) > ($2, $3)
			                       ORDER BY revision, id
			                       LIMIT    $4) AS todo ON true
			WHERE    account.user_id = $1
			ORDER BY todo.revision, todo.id`,
		Args:    []any{owner.String(), after.Revision, uuidParam(after.ID), limit, uuidParam(lastID())},
		MaxRows: limit,
		Read: func(rows pgx.Rows) error {
			defer rows.Close()
			found, isFound = account{}, false
			row := row{rows: rows}
			for row.isNext() {
				isFound = true
				found.epoch = row.integer()
				found.revision, found.floor, found.isOnStandby, found.isElsewhere = row.number(), row.number(), row.flag(), row.flag()
				if row.isNull() { // The id: there is no change.
					continue
				}
				found.changed = append(found.changed, todo.Todo{})
				if err := s.scanTodo(&row, &found.changed[len(found.changed)-1]); err != nil {
					return err
				}
			}
			return row.end()
		},
	})
	if err == nil && !isFound {
		err = todo.ErrNotFound
	}
	return found, err
}
