package todo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
)

var (
	// ErrNotFound means that the owner has no such todo. It doesn't tell whether
	// another user has it.
	ErrNotFound = errors.New("todo not found")

	// ErrAlreadyExists means that another todo has the id of the new one. It doesn't
	// tell whose that is.
	ErrAlreadyExists = errors.New("todo already exists")

	// ErrTooMany means that the owner has as many todos as one owner may have.
	ErrTooMany = errors.New("too many todos")

	// ErrNoTrash means that the store keeps no deleted todos, and so can't tell of
	// deletions.
	ErrNoTrash = errors.New("no trash")

	// ErrUnavailable means that the store can't serve at the moment. The same call
	// may succeed later. It wraps the cause, for the log.
	ErrUnavailable = errors.New("store unavailable")

	// ErrMoving means that the owner's todos are being moved to another store, or have
	// been. The same call succeeds later, where they are then. The store itself can serve.
	// The call has changed nothing, save that EmptyTrash may have deleted some; but an
	// earlier one that it repeats may have been applied.
	ErrMoving error = movingError{}
)

type movingError struct{}

// Error implements the error interface.
func (movingError) Error() string {
	return "the owner's todos are being moved to another store, or have been"
}

// IsExpected tells that this is no failure of the service.
func (movingError) IsExpected() bool { return true }

// LogValue implements [slog.LogValuer].
func (movingError) LogValue() slog.Value { return slog.GroupValue(slog.String("reason", "moving")) }

// Store keeps todos. Every method reads, changes and counts the todos of one owner
// only.
//
// Besides the errors named below, every method fails with ErrUnavailable, with the
// context's error when that ends first, and with other errors that mean a defect. Those
// that write fail with ErrMoving while the owner's todos are being moved, and all of them
// when those are elsewhere. But while a move is under way, GetTodo and ListTodos return what
// they find, at both stores: at the new one, the copy.
type Store interface {
	// CreateTodo stores a new todo, not completed, under the draft's ID, which is
	// required. A draft with the ID, owner and content of a stored todo is a
	// repetition: it stores nothing and returns that todo as it was created, without
	// a version.
	// Of the details only those are compared, and returned, that the draft has.
	// CreateTodo fails with a FieldError for a time zone that nobody knows, with
	// ErrTooMany when the owner may have no more todos, except
	// for repetitions, and with ErrAlreadyExists when another todo has the ID.
	CreateTodo(ctx context.Context, owner UserID, draft Draft) (Todo, error)

	// GetTodo returns one todo. It fails with ErrNotFound.
	GetTodo(ctx context.Context, owner UserID, id ID) (Todo, error)

	// ListTodos returns at most query.Size todos that meet the query's filter, in its
	// order. Without a filter, in the order of creation, the cost depends on the page's
	// size only; else on how many todos the owner has.
	ListTodos(ctx context.Context, owner UserID, query Query) (Page, error)

	// UpdateTodo applies a change, moves UpdatedAt forward and returns the changed
	// todo. It fails with ErrNotFound, and with a ConflictError when the todo does
	// not have the version change.If, or when others change it again and again
	// meanwhile. It fails with a FieldError when the due date or the tags would be
	// invalid.
	UpdateTodo(ctx context.Context, owner UserID, id ID, change Change) (Todo, error)

	// DeleteTodo moves a todo to the trash, or takes away its texts and all ways
	// back. It fails with ErrNotFound, and with a ConflictError when the todo does not
	// have the version deletion.If. Where the store has no trash, it removes the todo.
	DeleteTodo(ctx context.Context, owner UserID, id ID, deletion Deletion) error

	// UndeleteTodo takes a todo out of the trash and returns it. One that is not
	// there is returned as it is. It fails with ErrNotFound, and with a ConflictError
	// when the todo does not have the version; none stands for any. It fails with
	// ErrNoTrash.
	UndeleteTodo(ctx context.Context, owner UserID, id ID, version Version) (Todo, error)

	// EmptyTrash deletes permanently all that is in the trash. It fails with
	// ErrNoTrash.
	EmptyTrash(ctx context.Context, owner UserID) error

	// ListChanges returns at most size todos that were changed after a position, by
	// the order of their changes; nil begins with the first. It begins there too, and
	// says so, when the position is void. It fails with ErrNoTrash.
	ListChanges(ctx context.Context, owner UserID, after *SyncPosition, size int) (Changes, error)

	// ApplyTodos applies a request as [Service.Apply] says. Each draft has an ID.
	ApplyTodos(ctx context.Context, owner UserID, request ApplyRequest) ([]Result, error)
}

// Listener is told that an owner's todos have changed, or may have. It must not block.
type Listener interface {
	Changed(owner UserID)
}

// Service applies the domain's rules to every call of the store. Its methods fail with
// the store's errors.
type Service struct {
	store    Store
	listener Listener
	zones    zones
}

// NewService returns a Service that keeps its todos in store, and tells a listener of
// changes, if it is not nil.
func NewService(store Store, listener Listener) *Service {
	return &Service{store: store, listener: listener}
}

// changed tells the listener of a write that has changed an owner's todos, or may have:
// nobody knows what became of one that failed and was not refused. When the caller left
// early, the change may come after this.
func (s *Service) changed(owner UserID, err error) {
	if s.listener != nil && !isRefusal(err) {
		s.listener.Changed(owner)
	}
}

// isRefusal reports whether an error means that nothing was changed.
func isRefusal(err error) bool {
	for _, refusal := range []error{ErrInvalid, ErrNotFound, ErrAlreadyExists, ErrTooMany, ErrConflict, ErrNoTrash, ErrMoving} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Create stores a new todo and trims white space from its title. It chooses the ID
// when the draft has none.
func (s *Service) Create(ctx context.Context, owner UserID, draft Draft) (Todo, error) {
	if draft.ID == nil {
		// Version 7 increases with time, so new rows go to the last pages of the
		// primary key's index.
		id, err := uuid.NewV7()
		if err != nil {
			return Todo{}, fmt.Errorf("todo: make an id: %w", err)
		}
		draft.ID = (*ID)(&id)
	}
	created, err := s.store.CreateTodo(ctx, owner, draft.trimmed())
	s.changed(owner, err)
	return created, err
}

// Get returns one of the owner's todos.
func (s *Service) Get(ctx context.Context, owner UserID, id ID) (Todo, error) {
	return s.store.GetTodo(ctx, owner, id)
}

// List returns a page of the owner's todos. Its size is the query's, at most
// MaxPageSize, or else DefaultPageSize. The page ends early when its texts exceed
// MaxPageBytes.
func (s *Service) List(ctx context.Context, owner UserID, query Query) (Page, error) {
	query = query.sized()
	page, err := s.store.ListTodos(ctx, owner, query)
	if err != nil {
		return Page{}, err
	}
	return page.bounded(query), nil
}

// Zone returns the time zone with a name of the IANA database, for a query; UTC for "". It
// fails with a [FieldError] when there is none.
func (s *Service) Zone(name string) (*Zone, error) { return s.zones.load(name) }

// Update changes one of the owner's todos and trims white space from a new title.
func (s *Service) Update(ctx context.Context, owner UserID, id ID, change Change) (Todo, error) {
	changed, err := s.store.UpdateTodo(ctx, owner, id, change.trimmed())
	s.changed(owner, err)
	return changed, err
}

// Delete deletes one of the owner's todos.
func (s *Service) Delete(ctx context.Context, owner UserID, id ID, deletion Deletion) error {
	err := s.store.DeleteTodo(ctx, owner, id, deletion)
	s.changed(owner, err)
	return err
}

// Undelete takes one of the owner's todos out of the trash, if it has the version;
// none stands for any.
func (s *Service) Undelete(ctx context.Context, owner UserID, id ID, version Version) (Todo, error) {
	changed, err := s.store.UndeleteTodo(ctx, owner, id, version)
	s.changed(owner, err)
	return changed, err
}

// EmptyTrash deletes permanently all that is in the owner's trash.
func (s *Service) EmptyTrash(ctx context.Context, owner UserID) error {
	err := s.store.EmptyTrash(ctx, owner)
	if errors.Is(err, ErrMoving) {
		s.changed(owner, nil) // Some may have been deleted before.
	} else {
		s.changed(owner, err)
	}
	return err
}

// Changes returns a page of the owner's todos that were changed after a position; nil
// begins with the first. Its size is bounded as a list's is.
func (s *Service) Changes(ctx context.Context, owner UserID, after *SyncPosition, size int) (Changes, error) {
	changes, err := s.store.ListChanges(ctx, owner, after, Query{Size: size}.sized().Size)
	if err != nil {
		return Changes{}, err
	}
	return changes.bounded(), nil
}
