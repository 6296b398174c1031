package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
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
		{"todos that are being moved", todo.ErrMoving, connect.CodeUnavailable},
		{"a broken page token", errPageToken, connect.CodeInvalidArgument},
		{"a broken sync token", errSyncToken, connect.CodeInvalidArgument},
		{"a user with too many watches", watch.ErrUserLimit, connect.CodeResourceExhausted},
		{"too many watches", watch.ErrLimit, connect.CodeResourceExhausted},
		{"a request id that was used", todo.ErrRequestReused, connect.CodeAlreadyExists},
		{"an invalid operation", todo.ErrInvalid, connect.CodeInvalidArgument},
		{"a field that breaks a rule of the domain", todo.UnknownZone(todo.FieldDueTimeZone), connect.CodeInvalidArgument},
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

func TestAFaultOfAFieldIsToldAsThoseOfTheContractAre(t *testing.T) {
	t.Parallel()
	rendered := errorTable().Lookup(fmt.Errorf("secret: %w", todo.UnknownZone(todo.FieldDueTimeZone)))
	const fault = "must be a name of the IANA time zone database, such as Europe/Berlin"
	if got, want := rendered.Message(), "validation error: due_time_zone: "+fault; got != want {
		t.Errorf("the caller is told %q, want %q", got, want)
	}
	if len(rendered.Details()) != 1 {
		t.Fatalf("%d details, want 1", len(rendered.Details()))
	}
	detail, err := rendered.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	want := &validate.Violations{Violations: []*validate.Violation{{
		Field:  &validate.FieldPath{Elements: []*validate.FieldPathElement{{FieldName: proto.String("due_time_zone")}}},
		RuleId: proto.String("zone_name.known"), Message: proto.String(fault),
	}}}
	if diff := cmp.Diff(proto.Message(want), detail, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if details := errorTable().Lookup(todo.ErrInvalid).Details(); len(details) != 0 {
		t.Errorf("an error of no field has %v", details)
	}
}
