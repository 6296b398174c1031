package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

func TestErrorsAreRenderedByTheTable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		code connect.Code
	}{
		{"a refused token", &auth.RefusedError{Reason: auth.ReasonExpired}, connect.CodeUnauthenticated},
		{"keys that are away", auth.ErrKeysUnavailable, connect.CodeUnavailable},
		{"no such todo", todo.ErrNotFound, connect.CodeNotFound},
		{"an id that is taken", todo.ErrAlreadyExists, connect.CodeAlreadyExists},
		{"a todo with another version", &todo.ConflictError{Current: todo.Todo{Title: "t"}}, connect.CodeAborted},
		{"an owner of too many todos", todo.ErrTooMany, connect.CodeResourceExhausted},
		{"a store that is away", todo.ErrUnavailable, connect.CodeUnavailable},
		{"a store that is away because of a deadline of its own", fmt.Errorf("%w: %w", todo.ErrUnavailable, context.DeadlineExceeded), connect.CodeUnavailable},
		{"a broken page token", errPageToken, connect.CodeInvalidArgument},
		{"a broken sync token", errSyncToken, connect.CodeInvalidArgument},
		{"a user with too many watches", watch.ErrUserLimit, connect.CodeResourceExhausted},
		{"too many watches", watch.ErrLimit, connect.CodeResourceExhausted},
		{"a request id that was used", todo.ErrRequestReused, connect.CodeAlreadyExists},
		{"an invalid operation", todo.ErrInvalid, connect.CodeInvalidArgument},
		{"an operation beside a refused one", todo.ErrNotApplied, connect.CodeAborted},
		{"no trash", todo.ErrNoTrash, connect.CodeUnimplemented},
	} {
		for _, err := range []error{test.err, fmt.Errorf("secret: %w", test.err)} {
			rendered := errorTable().Lookup(err)
			if rendered.Code() != test.code {
				t.Errorf("%s: rendered as %v, want %v", test.name, rendered.Code(), test.code)
			}
			if message := rendered.Message(); message == "" || strings.Contains(message, "secret") {
				t.Errorf("%s: the caller is told %q", test.name, message)
			}
		}
	}
	for name, err := range map[string]error{
		"an error that nobody foresaw": errors.New("secret"),
		"no caller":                    errNoCaller,
		"a deadline":                   context.DeadlineExceeded, // The server knows it.
	} {
		if rendered := errorTable().Lookup(err); rendered != nil {
			t.Errorf("%s is rendered as %v", name, rendered)
		}
	}
}

func TestAConflictCarriesTheTodoAsItIs(t *testing.T) {
	t.Parallel()
	now := todo.Todo{ID: todo.ID{1}, Title: "t", Version: todo.Version{Number: 7, Valid: true}}
	details := errorTable().Lookup(fmt.Errorf("wrapped: %w", &todo.ConflictError{Current: now})).Details()
	if len(details) != 1 {
		t.Fatalf("%d details, want 1", len(details))
	}
	told, err := details[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(proto.Message(message(now)), told, protocmp.Transform()); diff != "" {
		t.Errorf("the detail (-want +got):\n%s", diff)
	}
}
