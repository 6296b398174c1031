//go:build linux

package syncload

import (
	"context"
	"fmt"
	"math/rand/v2"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/test/stack"
)

// Of one user's todos, there are neither few nor many.
const fewTodos, manyTodos = 20, 200

// writer changes one user's todos one after the other, in every way that there is, by
// whichever process comes next.
type writer struct {
	*Run
	journal *journal
	n       int
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil && !w.isEnough.Load() && (w.Changes == 0 || w.changes.Load() < int64(w.Changes)) {
		w.n++
		if w.Pause > 0 {
			pause(ctx, w.Pause)
		}
		acknowledged, err := w.change(ctx)
		switch {
		case acknowledged:
			w.changes.Add(1)
		case err == nil: // There was nothing to be changed so.
		case isRefusal(err):
			w.refused.Add(1)
		case IsOutage(err):
			w.journal.doubt()
			w.doubtful.Add(1)
			w.pauseAfter(ctx, err)
		case ctx.Err() == nil:
			w.Fault("a write of %s: %v", w.journal.user, err)
		}
	}
}

// change makes a change, and notes it when it is acknowledged.
func (w *writer) change(ctx context.Context) (acknowledged bool, err error) {
	n := w.journal.count()
	switch p := rand.IntN(100); {
	case n < fewTodos, p < 22 && n < manyTodos:
		return w.create(ctx)
	case p < 60:
		return w.update(ctx, p < 30)
	case p < 84:
		return w.remove(ctx, p < 65, p > 80)
	case p < 99:
		return w.undelete(ctx)
	}
	_, err = w.any().EmptyTrash(w.as(ctx, w.journal.user), &todov1.EmptyTrashRequest{})
	if err == nil {
		w.journal.empty()
	}
	return err == nil, err
}

// create repeats a create until it is answered: it has an id.
func (w *writer) create(ctx context.Context) (acknowledged bool, err error) {
	id := uuid.NewString()
	req := &todov1.CreateTodoRequest{Id: &id, Title: fmt.Sprint(stack.CanaryTitle, " ", w.n)}
	for {
		created, err := w.any().CreateTodo(w.as(ctx, w.journal.user), req)
		switch {
		case err == nil:
			w.journal.add(created)
			return true, nil
		case ctx.Err() != nil || !IsOutage(err):
			return false, err
		}
		w.journal.doubt()
		w.doubtful.Add(1)
		w.pauseAfter(ctx, err)
	}
}

func (w *writer) update(ctx context.Context, byVersion bool) (acknowledged bool, err error) {
	is := w.journal.look()
	if is == nil {
		return false, nil
	}
	req := &todov1.UpdateTodoRequest{Id: is.GetId(), Title: new(fmt.Sprint(stack.CanaryTitle, " ", w.n)), IsCompleted: new(w.n%2 == 0)}
	if byVersion {
		req.Etag = is.Etag //nolint:protogetter // Absent stays absent.
	}
	updated, err := w.any().UpdateTodo(w.as(ctx, w.journal.user), req)
	if err == nil {
		w.journal.update(updated)
	}
	return err == nil, err
}

// remove takes the todo out of the journal before. A todo in there exists, unless a
// write in doubt is why it does not.
func (w *writer) remove(ctx context.Context, byVersion, permanently bool) (acknowledged bool, err error) {
	is := w.journal.take()
	if is == nil {
		return false, nil
	}
	req := &todov1.DeleteTodoRequest{Id: is.GetId(), Permanently: permanently}
	if byVersion {
		req.Etag = is.Etag //nolint:protogetter // Absent stays absent.
	}
	_, err = w.any().DeleteTodo(w.as(ctx, w.journal.user), req)
	switch {
	case err == nil:
		w.journal.bin(is, permanently)
		return true, nil
	case connect.CodeOf(err) == connect.CodeNotFound && connect.IsWireError(err):
		w.Fault("%s of %s was acknowledged and is lost: %v", is.GetId(), w.journal.user, err)
	case isRefusal(err):
		w.journal.putBack(is)
	}
	return false, err
}

func (w *writer) undelete(ctx context.Context) (acknowledged bool, err error) {
	is := w.journal.takeTrash()
	if is == nil {
		return false, nil
	}
	restored, err := w.any().UndeleteTodo(w.as(ctx, w.journal.user), &todov1.UndeleteTodoRequest{Id: is.GetId()})
	if err == nil {
		w.journal.add(restored)
	}
	return err == nil, err
}
