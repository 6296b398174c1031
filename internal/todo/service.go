package todo

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

var (
	// ErrNotFound says that the owner has no such todo. Whether somebody else
	// has it can't be told from it.
	ErrNotFound = errors.New("todo not found")

	// ErrAlreadyExists says that the id of a todo to be is taken by another
	// one. Whose that is can't be told from it.
	ErrAlreadyExists = errors.New("todo already exists")

	// ErrTooMany says that the owner has as many todos as the store keeps for
	// one.
	ErrTooMany = errors.New("too many todos")

	// ErrUnavailable says that the store can't serve at the moment and that
	// the same call may succeed later. It wraps the cause, for the log.
	ErrUnavailable = errors.New("store unavailable")
)

// Store keeps todos. Every method is about the todos of one owner, and neither
// reads, changes nor counts anybody else's.
//
// Besides the errors named below, every method fails with ErrUnavailable, with
// the context's error when it ends first, and with others that mean a defect.
type Store interface {
	// CreateTodo stores a new todo, not completed, under the draft's ID, which
	// has to be there. A repetition, which is a draft with the ID, the owner
	// and the content of a todo that is stored, stores nothing and returns
	// that todo as it was created. It fails with ErrTooMany when the owner may
	// have no more, repetitions excepted, and with ErrAlreadyExists when any
	// other todo has the ID.
	CreateTodo(ctx context.Context, owner UserID, draft Draft) (Todo, error)

	// GetTodo returns one todo. It fails with ErrNotFound.
	GetTodo(ctx context.Context, owner UserID, id ID) (Todo, error)

	// ListTodos returns at most query.Size todos by descending creation time,
	// then id. The cost depends on the page's size only.
	ListTodos(ctx context.Context, owner UserID, query Query) (Page, error)

	// UpdateTodo applies a change, moves UpdatedAt forward and returns the
	// todo as it is then. It fails with ErrNotFound.
	UpdateTodo(ctx context.Context, owner UserID, id ID, change Change) (Todo, error)

	// DeleteTodo removes a todo. It fails with ErrNotFound.
	DeleteTodo(ctx context.Context, owner UserID, id ID) error
}

// Service is the one door to the store. Its methods fail as the store's do.
type Service struct{ store Store }

// NewService returns a Service that keeps its todos in store.
func NewService(store Store) *Service { return &Service{store: store} }

// Create stores a new todo, its title trimmed of white space, under an ID of
// its own choice when the draft has none.
func (s *Service) Create(ctx context.Context, owner UserID, draft Draft) (Todo, error) {
	if draft.ID == nil {
		// Version 7 rises with time, so that new rows share the pages of the
		// primary key's index that were written last.
		id, err := uuid.NewV7()
		if err != nil {
			return Todo{}, fmt.Errorf("todo: make an id: %w", err)
		}
		draft.ID = (*ID)(&id)
	}
	return s.store.CreateTodo(ctx, owner, draft.trimmed())
}

// Get returns one of the owner's todos.
func (s *Service) Get(ctx context.Context, owner UserID, id ID) (Todo, error) {
	return s.store.GetTodo(ctx, owner, id)
}

// List returns a page of the owner's todos, of the default size when the query
// names none, of the largest when it names more. The page ends early when its
// texts are long.
func (s *Service) List(ctx context.Context, owner UserID, query Query) (Page, error) {
	page, err := s.store.ListTodos(ctx, owner, query.sized())
	if err != nil {
		return Page{}, err
	}
	return page.bounded(), nil
}

// Update changes one of the owner's todos, a new title trimmed of white space.
func (s *Service) Update(ctx context.Context, owner UserID, id ID, change Change) (Todo, error) {
	return s.store.UpdateTodo(ctx, owner, id, change.trimmed())
}

// Delete removes one of the owner's todos.
func (s *Service) Delete(ctx context.Context, owner UserID, id ID) error {
	return s.store.DeleteTodo(ctx, owner, id)
}
