package todo_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// movingStore is of an owner who is being moved.
type movingStore struct{ todo.Store }

func (movingStore) DeleteTodo(context.Context, todo.UserID, todo.ID, todo.Deletion) error {
	return todo.ErrMoving
}

func (movingStore) EmptyTrash(context.Context, todo.UserID) error { return todo.ErrMoving }

// TestATrashThatWasNotEmptiedMayHaveChanged has the trash sealed while it is emptied, which
// takes several steps. A call of one step that was refused has changed nothing.
func TestATrashThatWasNotEmptiedMayHaveChanged(t *testing.T) {
	t.Parallel()
	told := new(heard)
	service := todo.NewService(movingStore{}, told)
	_ = service.Delete(t.Context(), mustUser(t, "deletes"), todo.ID{}, todo.Deletion{})
	_ = service.EmptyTrash(t.Context(), mustUser(t, "empties"))
	if diff := cmp.Diff(&heard{"empties"}, told); diff != "" {
		t.Errorf("told of changes:\n%s", diff)
	}
}
