package rpc

import (
	"errors"
	"fmt"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

var (
	// errPageToken means that a page token is broken, or was made for another filter.
	errPageToken = errors.New("page_token is not one that this list gave out for this filter; start without one")

	// errSyncToken means that a sync token is broken.
	errSyncToken = errors.New("sync_token is not one that this service gave out; start without one")
)

// watchRetry is when a client may try again for which there is no room to watch. Others
// keep their streams for minutes.
const watchRetry = 10 * time.Second

// moveRetry is when a caller may try again whose todos are being moved: 10,000 take a second
// on a busy machine.
const moveRetry = 2 * time.Second

// errorTable says what a caller is told of the errors of the domain and of the
// authentication. internal/server has a table of its own errors. An error that is in
// neither is a defect, and the caller is told "internal error".
func errorTable() server.ErrorTable {
	return server.ErrorTable{
		{Err: auth.ErrRefused, Code: connect.CodeUnauthenticated, Text: "a valid access token is needed: Authorization: Bearer <token>"},
		{Err: auth.ErrKeysUnavailable, Code: connect.CodeUnavailable, Text: "access tokens can't be verified at the moment; try again"},
		{Err: todo.ErrNotFound, Code: connect.CodeNotFound, Text: "todo not found"},
		{Err: todo.ErrAlreadyExists, Code: connect.CodeAlreadyExists, Text: "the id is taken; choose another one"},
		{Err: todo.ErrConflict, Code: connect.CodeAborted, Text: "the todo has been changed since; get it, and try again with its etag", Detail: current},
		{Err: todo.ErrTooMany, Code: connect.CodeResourceExhausted, Text: "you have as many todos as you may, with those in the trash; delete some permanently"},
		{Err: todo.ErrUnavailable, Code: connect.CodeUnavailable, Text: "the database is unavailable at the moment; try again"},
		{Err: todo.ErrMoving, Code: connect.CodeUnavailable, Text: "your todos are being moved to another database; try again", Retry: moveRetry},
		{Err: todo.ErrNoTrash, Code: connect.CodeUnimplemented, Text: "the trash is switched off on this server, and with it everything that needs it, as syncing does"},
		{Err: watch.ErrUserLimit, Code: connect.CodeResourceExhausted, Text: "you have as many streams open as you may; close one, or try again later", Retry: watchRetry},
		{Err: watch.ErrLimit, Code: connect.CodeResourceExhausted, Text: "as many streams are open as there may be; try again later", Retry: watchRetry},
		{Err: todo.ErrRequestReused, Code: connect.CodeAlreadyExists, Text: "the request_id was used with other operations; choose another one"},
		{Err: todo.ErrInvalid, Code: connect.CodeInvalidArgument, Text: "the operation breaks a rule of its request", Explain: fault, Detail: violation},
		{Err: todo.ErrNotApplied, Code: connect.CodeAborted, Text: "not applied, because another operation was refused"},
		{Err: errPageToken, Code: connect.CodeInvalidArgument, Text: errPageToken.Error()},
		{Err: errSyncToken, Code: connect.CodeInvalidArgument, Text: errSyncToken.Error()},
	}
}

// current returns the todo in a conflict.
func current(err error) proto.Message {
	conflict, ok := errors.AsType[*todo.ConflictError](err)
	if !ok {
		panic(fmt.Sprintf("rpc: a conflict without a todo: %v", err))
	}
	return message(conflict.Current)
}

// fault returns what is wrong with a field, for an error of one.
func fault(err error) string {
	if broken, ok := errors.AsType[*todo.FieldError](err); ok {
		return broken.Error()
	}
	return ""
}

// violation returns the detail of an error of a field, as the contract's rules have it.
func violation(err error) proto.Message {
	broken, ok := errors.AsType[*todo.FieldError](err)
	if !ok {
		return nil
	}
	field := &validate.FieldPath{Elements: []*validate.FieldPathElement{{FieldName: proto.String(string(broken.Field))}}}
	return &validate.Violations{Violations: []*validate.Violation{
		{Field: field, RuleId: &broken.Rule, Message: &broken.Fault},
	}}
}
