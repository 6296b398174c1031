package rpc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// applyBytes bounds a request of ApplyTodos: 100 operations with the longest texts have
// 1 MB when each character takes four bytes.
const applyBytes = 1 << 20

// errNoOperation means that an operation says nothing.
var errNoOperation = errors.New("the operation is empty; it needs create, update, delete or undelete")

// ApplyTodos applies operations. The request's own rules have been checked, but not those
// of its operations: one that breaks a rule must not keep a client from sending the others.
func (s *todoServer) ApplyTodos(ctx context.Context, req *todov1.ApplyTodosRequest) (*todov1.ApplyTodosResponse, error) {
	owner, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := server.Charge(ctx, len(req.GetOperations())); err != nil {
		return nil, err
	}
	request := todo.ApplyRequest{IsAtomic: req.GetAtomic(), Operations: make([]todo.Operation, len(req.GetOperations()))}
	if request.ID, err = todo.ParseRequestID(req.GetRequestId()); err != nil {
		return nil, err
	}
	if request.Content, err = contentHash(req); err != nil {
		return nil, err
	}
	broken := make(map[int]error) // Why operations are invalid.
	for i, op := range req.GetOperations() {
		request.Operations[i], err = operation(op)
		if err != nil {
			request.Operations[i], broken[i] = todo.InvalidOperation{}, err
		}
	}
	results, err := s.todos.Apply(ctx, owner, request)
	if err != nil {
		return nil, err
	}
	table := errorTable()
	res := &todov1.ApplyTodosResponse{Results: make([]*todov1.TodoResult, len(results))}
	for i, result := range results {
		if res.Results[i], err = resultMessage(result, broken[i], table); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return res, nil
}

// contentHash returns a hash of all of a request but its ID. It is the same in whatever
// form the request was sent.
func contentHash(req *todov1.ApplyTodosRequest) ([sha256.Size]byte, error) {
	content := &todov1.ApplyTodosRequest{Operations: req.GetOperations(), Atomic: req.GetAtomic()}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(content)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("rpc: encode the content: %w", err)
	}
	return sha256.Sum256(encoded), nil
}

// operation converts an operation. It fails when a rule of the contract is broken, with
// what the caller is told.
func operation(op *todov1.TodoOperation) (todo.Operation, error) {
	switch op := op.GetOperation().(type) {
	case *todov1.TodoOperation_Create:
		draft, err := valid(op.Create, draftOf)
		return todo.CreateOperation{Draft: draft}, err
	case *todov1.TodoOperation_Update:
		return valid(op.Update, func(req *todov1.UpdateTodoRequest) (todo.Operation, error) {
			id, version, err := idAndVersion(req)
			return todo.UpdateOperation{ID: id, Change: changeOf(req, version)}, err
		})
	case *todov1.TodoOperation_Delete:
		return valid(op.Delete, func(req *todov1.DeleteTodoRequest) (todo.Operation, error) {
			id, version, err := idAndVersion(req)
			return todo.DeleteOperation{ID: id, Deletion: deletionOf(req, version)}, err
		})
	case *todov1.TodoOperation_Undelete:
		return valid(op.Undelete, func(req *todov1.UndeleteTodoRequest) (todo.Operation, error) {
			id, version, err := idAndVersion(req)
			return todo.UndeleteOperation{ID: id, If: version}, err
		})
	}
	return nil, errNoOperation
}

// valid converts a request, unless it breaks a rule of the contract.
func valid[Req proto.Message, T any](req Req, convert func(Req) (T, error)) (converted T, err error) {
	if err := protovalidate.Validate(req); err != nil {
		return converted, err
	}
	return convert(req)
}

// idAndVersion returns the id in a request, and the version that it is for.
func idAndVersion(req interface {
	GetId() string
	GetEtag() string
},
) (todo.ID, todo.Version, error) {
	id, err := todo.ParseID(req.GetId())
	if err != nil {
		return todo.ID{}, todo.Version{}, err
	}
	etag := new(req.GetEtag())
	if *etag == "" {
		etag = nil // The contract has no empty one.
	}
	return id, versionOf(id, etag), nil
}

// resultMessage converts the result of an operation: a refusal to what a call of its own
// would be told. broken is why the operation is invalid, if it is.
func resultMessage(result todo.Result, broken error, table server.ErrorTable) (*todov1.TodoResult, error) {
	msg := new(todov1.TodoResult)
	if result.Todo != nil {
		msg.Todo = message(*result.Todo)
	}
	if result.Err == nil {
		return msg, nil
	}
	told := table.Lookup(result.Err)
	if told == nil {
		return nil, result.Err
	}
	msg.Code, msg.Message = told.Code().String(), told.Message()
	if broken != nil && errors.Is(result.Err, todo.ErrInvalid) {
		msg.Message = broken.Error()
	}
	return msg, nil
}
