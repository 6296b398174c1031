package rpc

import (
	"errors"

	"connectrpc.com/connect"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
)

// errPageToken says that a page token can't be used for this request.
var errPageToken = errors.New("page_token is not one that this list gave out for this filter; start without one")

// errorTable says what a caller is told of each error that the domain and the
// verifier of tokens return. The server knows its own errors. One that neither
// knows is a defect, and "internal error" to the caller.
func errorTable() server.ErrorTable {
	return server.ErrorTable{
		{Err: auth.ErrRefused, Code: connect.CodeUnauthenticated, Text: "a valid access token is needed: Authorization: Bearer <token>"},
		{Err: auth.ErrKeysUnavailable, Code: connect.CodeUnavailable, Text: "access tokens can't be verified at the moment; try again"},
		{Err: todo.ErrNotFound, Code: connect.CodeNotFound, Text: "todo not found"},
		{Err: todo.ErrAlreadyExists, Code: connect.CodeAlreadyExists, Text: "the id is taken; choose another one"},
		{Err: todo.ErrTooMany, Code: connect.CodeResourceExhausted, Text: "you have as many todos as you may; delete one first"},
		{Err: todo.ErrUnavailable, Code: connect.CodeUnavailable, Text: "the database is unavailable at the moment; try again"},
		{Err: errPageToken, Code: connect.CodeInvalidArgument, Text: errPageToken.Error()},
	}
}
