package postgres

import (
	"context"
	"errors"
	"fmt"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/todo"
)

// ApplyTodos implements [todo.Store]. Under the lock of the owner's account there is one
// request at a time, so the same one at once applies its operations once. The lock is
// also a write, and so even a repetition is not answered before a commit that waits for a
// synchronous standby.
func (s *Store) ApplyTodos(ctx context.Context, owner todo.UserID, request todo.ApplyRequest) ([]todo.Result, error) {
	var results []todo.Result
	var refused error
	err := s.db.RunTx(ctx, database.Transaction{
		Name:       "apply todos",
		Owner:      owner.String(),
		Idempotent: true,
		Run: func(ctx context.Context, tx *database.Tx) (commit bool, err error) {
			refused = nil
			results, commit, err = s.in(tx).apply(ctx, owner, request)
			if errors.Is(err, todo.ErrRequestReused) || errors.Is(err, todo.ErrMoving) {
				refused, err = err, nil
			}
			return commit, err
		},
	})
	switch {
	case err != nil:
		return nil, translate(err)
	case refused != nil:
		return nil, refused
	}
	return results, nil
}

// apply applies a request in a transaction, and tells whether that has to be committed.
func (s *Store) apply(ctx context.Context, owner todo.UserID, request todo.ApplyRequest) (results []todo.Result, commit bool, err error) {
	if err := s.lockAccount(ctx, owner); err != nil {
		return nil, false, err
	}
	before, err := s.findRequest(ctx, owner, request.ID)
	switch {
	case err == nil && before.content != request.Content:
		return nil, false, todo.ErrRequestReused
	case err == nil:
		results, err = s.repeated(ctx, owner, before)
		return results, err == nil, err
	case !errors.Is(err, todo.ErrNotFound):
		return nil, false, err
	}
	locked := *s
	locked.isLocked = true
	s = &locked
	applied := appliedRequest{id: request.ID, content: request.Content}
	results = make([]todo.Result, len(request.Operations))
	for i, operation := range request.Operations {
		id, result, err := s.applyOne(ctx, owner, operation)
		if err != nil {
			return nil, false, err
		}
		if result.Err != nil && request.IsAtomic {
			return onlyRefused(results, i, result), false, nil
		}
		results[i] = result
		if err := applied.add(id, result.Err); err != nil {
			return nil, false, err
		}
	}
	if err := s.describe(ctx, owner, &applied, results); err != nil {
		return nil, false, err
	}
	if err := s.addRequest(ctx, owner, applied); err != nil {
		return nil, false, err
	}
	return results, true, nil
}

// onlyRefused returns the results of an atomic request one of whose operations was
// refused.
func onlyRefused(results []todo.Result, index int, refused todo.Result) []todo.Result {
	for i := range results {
		results[i] = todo.Result{Err: todo.ErrNotApplied}
	}
	results[index] = refused
	return results
}

// applyOne applies an operation, and returns the id of its todo. It fails when the
// operation is neither applied nor refused.
func (s *Store) applyOne(ctx context.Context, owner todo.UserID, operation todo.Operation) (id todo.ID, result todo.Result, err error) {
	var t todo.Todo
	switch o := operation.(type) {
	case todo.CreateOperation:
		t, err = s.CreateTodo(ctx, owner, o.Draft)
		if err == nil || o.Draft.ID != nil {
			id = *o.Draft.ID
		}
	case todo.UpdateOperation:
		id = o.ID
		t, err = s.UpdateTodo(ctx, owner, o.ID, o.Change)
	case todo.DeleteOperation:
		id = o.ID
		t, err = s.deleteTodo(ctx, owner, o.ID, o.Deletion)
	case todo.UndeleteOperation:
		id = o.ID
		t, err = s.UndeleteTodo(ctx, owner, o.ID, o.If)
	case todo.InvalidOperation:
		err = todo.ErrInvalid
	default:
		err = fmt.Errorf("postgres: apply todos: an operation %T", operation)
	}
	if err == nil {
		if _, isDelete := operation.(todo.DeleteOperation); isDelete && s.config.TrashRetention == 0 {
			return id, todo.Result{}, nil // It is gone.
		}
		return id, todo.Result{Todo: &t}, nil
	}
	if _, isRefusal := codeOf(err); !isRefusal {
		return id, todo.Result{}, err
	}
	result.Err = err
	if conflict, ok := errors.AsType[*todo.ConflictError](err); ok {
		result.Todo = &conflict.Current
	}
	return id, result, nil
}

// describe fills in the todos of those results that have none as it is now: of creates
// that met their todo.
func (s *Store) describe(ctx context.Context, owner todo.UserID, applied *appliedRequest, results []todo.Result) error {
	var ids []todo.ID
	for i, result := range results {
		if result.Todo != nil && !result.Todo.Version.Valid {
			ids = append(ids, applied.todos[i])
		}
	}
	found, err := s.findTodos(ctx, owner, ids)
	if err != nil {
		return err
	}
	for i, result := range results {
		if result.Todo != nil && !result.Todo.Version.Valid {
			results[i].Todo = found[applied.todos[i]]
		}
	}
	return nil
}

// repeated returns the results of a request that was applied before.
func (s *Store) repeated(ctx context.Context, owner todo.UserID, before appliedRequest) ([]todo.Result, error) {
	results := make([]todo.Result, len(before.codes))
	var ids []todo.ID
	for i, code := range before.codes {
		err, isKnown := refusalOf(code)
		if !isKnown {
			return nil, fmt.Errorf("postgres: apply todos: an unknown code %q", code)
		}
		results[i].Err = err
		if err == nil || errors.Is(err, todo.ErrConflict) {
			ids = append(ids, before.todos[i])
		}
	}
	found, err := s.findTodos(ctx, owner, ids)
	if err != nil {
		return nil, err
	}
	for i := range results {
		result := &results[i]
		if result.Err == nil || errors.Is(result.Err, todo.ErrConflict) {
			result.Todo = found[before.todos[i]]
		}
		if conflict, ok := errors.AsType[*todo.ConflictError](result.Err); ok && result.Todo != nil {
			conflict.Current = *result.Todo
		}
	}
	return results, nil
}
