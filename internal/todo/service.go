package todo

import (
	"context"
	"errors"
)

var (
	// ErrNotFound says that the owner has no such todo. Whether somebody else
	// has it can't be told from it.
	ErrNotFound = errors.New("todo not found")

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
	// CreateTodo stores a new todo, not completed.
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

// Create stores a new todo, its title trimmed of white space.
func (s *Service) Create(ctx context.Context, owner UserID, draft Draft) (Todo, error) {
	return s.store.CreateTodo(ctx, owner, draft.trimmed())
}

// Get returns one of the owner's todos.
func (s *Service) Get(ctx context.Context, owner UserID, id ID) (Todo, error) {
	return s.store.GetTodo(ctx, owner, id)
}

// List returns a page of the owner's todos, of the default size when the query
// names none, of the largest when it names more.
func (s *Service) List(ctx context.Context, owner UserID, query Query) (Page, error) {
	return s.store.ListTodos(ctx, owner, query.sized())
}

// Update changes one of the owner's todos, a new title trimmed of white space.
func (s *Service) Update(ctx context.Context, owner UserID, id ID, change Change) (Todo, error) {
	return s.store.UpdateTodo(ctx, owner, id, change.trimmed())
}

// Delete removes one of the owner's todos.
func (s *Service) Delete(ctx context.Context, owner UserID, id ID) error {
	return s.store.DeleteTodo(ctx, owner, id)
}
