package rpc

import (
	"fmt"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

const (
	aRequestID = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	anID       = "1c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
)

// brokenOperations has operations that break a rule, with the message of a call of its
// own.
func brokenOperations() map[string]*todov1.TodoOperation {
	create := func(req *todov1.CreateTodoRequest) *todov1.TodoOperation {
		return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Create{Create: req}}
	}
	return map[string]*todov1.TodoOperation{
		"nothing":            {},
		"an empty create":    create(&todov1.CreateTodoRequest{}),
		"a long title":       create(&todov1.CreateTodoRequest{Title: strings.Repeat("a", 501)}),
		"an id that is none": create(&todov1.CreateTodoRequest{Title: "t", Id: new("1")}),
		"an empty update":    {Operation: &todov1.TodoOperation_Update{Update: &todov1.UpdateTodoRequest{Id: anID}}},
		"a delete of none":   {Operation: &todov1.TodoOperation_Delete{Delete: &todov1.DeleteTodoRequest{}}},
		"an empty etag":      {Operation: &todov1.TodoOperation_Delete{Delete: &todov1.DeleteTodoRequest{Id: anID, Etag: new("")}}},
		"an undelete of one": {Operation: &todov1.TodoOperation_Undelete{Undelete: &todov1.UndeleteTodoRequest{Id: "1"}}},
	}
}

func TestTheRulesOfOperationsAreNotThoseOfTheirRequest(t *testing.T) {
	t.Parallel()
	for name, broken := range brokenOperations() {
		req := &todov1.ApplyTodosRequest{RequestId: aRequestID, Operations: []*todov1.TodoOperation{broken}}
		if err := protovalidate.Validate(req); err != nil {
			t.Errorf("the request with %s: %v", name, err)
		}
		converted, err := operation(broken)
		if err == nil {
			t.Fatalf("%s becomes %+v", name, converted)
		}
		result, failed := resultMessage(todo.Result{Err: todo.ErrInvalid}, err, errorTable())
		if failed != nil || result.GetCode() != connect.CodeInvalidArgument.String() || result.GetMessage() != err.Error() {
			t.Errorf("%s is answered by %v, %v", name, result, failed)
		}
	}
	for name, req := range map[string]*todov1.ApplyTodosRequest{
		"no operations":  {RequestId: aRequestID},
		"101 operations": {RequestId: aRequestID, Operations: make([]*todov1.TodoOperation, 101)},
		"no id":          {Operations: make([]*todov1.TodoOperation, 1)},
		"an id of ours":  {RequestId: "1", Operations: make([]*todov1.TodoOperation, 1)},
	} {
		if err := protovalidate.Validate(req); err == nil {
			t.Errorf("a request with %s is valid", name)
		}
	}
}

// TestAnInvalidOperationKeepsItsCodeWhenTheRulesHaveChanged is about a repetition.
func TestAnInvalidOperationKeepsItsCodeWhenTheRulesHaveChanged(t *testing.T) {
	t.Parallel()
	was, err := resultMessage(todo.Result{Err: todo.ErrInvalid}, nil, errorTable())
	if err != nil || was.GetCode() != connect.CodeInvalidArgument.String() || was.GetMessage() == "" {
		t.Errorf("once invalid: %v, %v", was, err)
	}
	is, err := resultMessage(todo.Result{Err: todo.ErrNotFound}, errNoOperation, errorTable())
	if err != nil || is.GetCode() != connect.CodeNotFound.String() || is.GetMessage() == errNoOperation.Error() {
		t.Errorf("invalid by now: %v, %v", is, err)
	}
}

func TestAnUnknownErrorIsNoResult(t *testing.T) {
	t.Parallel()
	if result, err := resultMessage(todo.Result{Err: fmt.Errorf("secret")}, nil, errorTable()); err == nil {
		t.Errorf("it becomes %v", result)
	}
}

func TestTheContentOfARequestIsTheSameInEveryForm(t *testing.T) {
	t.Parallel()
	req := &todov1.ApplyTodosRequest{RequestId: aRequestID, Atomic: true}
	for _, broken := range brokenOperations() {
		req.Operations = append(req.Operations, broken)
	}
	want, err := contentHash(req)
	if err != nil {
		t.Fatal(err)
	}
	for name, codec := range map[string]connect.Codec{"JSON": newJSONCodec(), "binary": protoCodec{}} {
		encoded, err := codec.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		decoded := new(todov1.ApplyTodosRequest)
		if err := codec.Unmarshal(encoded, decoded); err != nil {
			t.Fatal(err)
		}
		if got, err := contentHash(decoded); err != nil || got != want {
			t.Errorf("by %s: %x, %v, want %x", name, got, err, want)
		}
	}
	for name, change := range map[string]func(*todov1.ApplyTodosRequest){
		"not atomic":              func(r *todov1.ApplyTodosRequest) { r.Atomic = false },
		"one operation less":      func(r *todov1.ApplyTodosRequest) { r.Operations = r.Operations[1:] },
		"in another order":        func(r *todov1.ApplyTodosRequest) { r.Operations[0], r.Operations[1] = r.Operations[1], r.Operations[0] },
		"with an empty text more": func(r *todov1.ApplyTodosRequest) { r.Operations[0] = withEmptyText() },
	} {
		other, ok := proto.Clone(req).(*todov1.ApplyTodosRequest)
		if !ok {
			t.Fatal("a clone of another type")
		}
		change(other)
		if got, err := contentHash(other); err != nil || got == want {
			t.Errorf("%s: %x, %v, want another", name, got, err)
		}
	}
	other := &todov1.ApplyTodosRequest{RequestId: anID, Atomic: true, Operations: req.GetOperations()}
	if got, err := contentHash(other); err != nil || got != want {
		t.Errorf("with another id: %x, %v, want the same", got, err)
	}
}

// withEmptyText clears a description, which is not to leave it.
func withEmptyText() *todov1.TodoOperation {
	return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Update{Update: &todov1.UpdateTodoRequest{Id: anID, Description: new("")}}}
}

// TestTheContentOfARequestStaysTheSame because a repetition may come to a process of
// another version.
func TestTheContentOfARequestStaysTheSame(t *testing.T) {
	t.Parallel()
	got, err := contentHash(&todov1.ApplyTodosRequest{RequestId: aRequestID, Operations: []*todov1.TodoOperation{
		withEmptyText(),
		{Operation: &todov1.TodoOperation_Create{Create: &todov1.CreateTodoRequest{Title: "t", Id: new(anID)}}},
	}})
	const want = "d12cd7ccde3950dc9b7ceab478f04b4d4598a89211d946e0cbd7749411820b88"
	if text := fmt.Sprintf("%x", got); err != nil || text != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}
