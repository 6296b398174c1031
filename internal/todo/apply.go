package todo

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

var (
	// ErrInvalid means that an operation breaks a rule of the contract.
	ErrInvalid = errors.New("invalid operation")

	// ErrNotApplied means that an operation was not applied because another one of
	// its atomic request was refused.
	ErrNotApplied = errors.New("another operation was refused")

	// ErrRequestReused means that the owner has applied another request with the same
	// ID.
	ErrRequestReused = errors.New("the request's id was used with other content")
)

// RequestRetention is how long the results of an applied request are kept, at least.
const RequestRetention = 24 * time.Hour

// RequestID tells an owner's requests apart. The owner chooses it at random.
type RequestID [16]byte

// ParseRequestID parses a RequestID of the form that [ParseID] takes.
func ParseRequestID(s string) (RequestID, error) {
	id, err := ParseID(s)
	return RequestID(id), err
}

// ApplyRequest has operations to apply in their order.
type ApplyRequest struct {
	ID         RequestID
	Content    [sha256.Size]byte // A hash of all but the ID: a repetition has the same.
	Operations []Operation
	IsAtomic   bool // All of them or none.
}

// Operation is one of an [ApplyRequest]: a [CreateOperation], an [UpdateOperation], a
// [DeleteOperation], an [UndeleteOperation] or an [InvalidOperation].
type Operation interface{ isOperation() }

// CreateOperation is for [Service.Create].
type CreateOperation struct{ Draft Draft }

// UpdateOperation is for [Service.Update].
type UpdateOperation struct {
	ID     ID
	Change Change
}

// DeleteOperation is for [Service.Delete].
type DeleteOperation struct {
	ID       ID
	Deletion Deletion
}

// UndeleteOperation is for [Service.Undelete].
type UndeleteOperation struct {
	ID ID
	If Version
}

// InvalidOperation is one that breaks a rule of the contract. It is refused with
// ErrInvalid.
type InvalidOperation struct{}

func (CreateOperation) isOperation()   {}
func (UpdateOperation) isOperation()   {}
func (DeleteOperation) isOperation()   {}
func (UndeleteOperation) isOperation() {}
func (InvalidOperation) isOperation()  {}

// Result is what became of an operation.
type Result struct {
	// Todo is the todo after the operation, a deleted one too; nil when the operation
	// was refused, or the todo has been removed since.
	Todo *Todo

	// Err is why the operation was refused; nil when it was applied. It is an error
	// of the operation's method, without ErrUnavailable, or one of those above. A
	// ConflictError of a repetition has the todo as it is now; the zero todo when it
	// is gone.
	Err error
}

// Apply applies the operations of a request in their order, with a result for each. One
// that is refused changes nothing, and stops the others only if the request is atomic.
//
// The effects happen once. A repetition of a request, with the same ID and content,
// changes nothing: it gets the errors of the first one and the todos as they are now.
// That is so for RequestRetention. An atomic request with a refused operation leaves
// nothing behind, so that a repetition tries again.
//
// Apply fails with ErrRequestReused. Nothing was applied then; with another error, all of
// it may have been.
func (s *Service) Apply(ctx context.Context, owner UserID, request ApplyRequest) ([]Result, error) {
	operations := make([]Operation, len(request.Operations))
	for i, operation := range request.Operations {
		switch o := operation.(type) {
		case CreateOperation:
			if o.Draft.ID == nil {
				o.Draft.ID = createdID(owner, request.ID, i)
			}
			o.Draft = o.Draft.trimmed()
			operation = o
		case UpdateOperation:
			o.Change = o.Change.trimmed()
			operation = o
		}
		operations[i] = operation
	}
	request.Operations = operations
	results, err := s.store.ApplyTodos(ctx, owner, request)
	s.changed(owner, err)
	return results, err
}

// createdID returns the ID of a todo that an owner's request creates without giving it
// one: the same for a repetition, and another one for another user's request.
func createdID(owner UserID, request RequestID, index int) *ID {
	name := binary.BigEndian.AppendUint32(nil, uint32(index)) //nolint:gosec // It is a slice's.
	id := ID(uuid.NewSHA1(uuid.UUID(request), append(name, owner.String()...)))
	return &id
}
