package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/todo"
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
		{"a caller above its rate", errRateLimited, connect.CodeResourceExhausted},
		{"a user's answers that nobody reads", errUserUnread, connect.CodeResourceExhausted},
		{"everybody's", errAllUnread, connect.CodeUnavailable},
		{"one stream too many", errTooManyStreams, connect.CodeResourceExhausted},
		{"a stream that the drain ends", errDraining, connect.CodeUnavailable},
		{"a stream that has lasted long enough", errStreamLength, connect.CodeDeadlineExceeded},
		{"an error of Connect that is a defect", connect.NewError(connect.CodeInternal, errors.New("secret")), connect.CodeInternal},
		{"a code of Connect for what nobody foresaw", connect.NewError(connect.CodeUnknown, errors.New("secret")), connect.CodeInternal},
		{"no such todo", todo.ErrNotFound, connect.CodeNotFound},
		{"an id that is taken", todo.ErrAlreadyExists, connect.CodeAlreadyExists},
		{"an owner of too many todos", todo.ErrTooMany, connect.CodeResourceExhausted},
		{"a store that is away", todo.ErrUnavailable, connect.CodeUnavailable},
		{"a store that is away because of a deadline of its own", fmt.Errorf("%w: %w", todo.ErrUnavailable, context.DeadlineExceeded), connect.CodeUnavailable},
		{"a broken page token", errPageToken, connect.CodeInvalidArgument},
		{"a deadline", context.DeadlineExceeded, connect.CodeDeadlineExceeded},
		{"a caller that is gone", context.Canceled, connect.CodeCanceled},
		{"a panic", &panicError{value: "secret"}, connect.CodeInternal},
		{"an error that nobody foresaw", errors.New("secret"), connect.CodeInternal},
		{"no caller", errNoCaller, connect.CodeInternal},
	} {
		for _, err := range []error{test.err, fmt.Errorf("secret: %w", test.err)} {
			x := &exchange{Context: t.Context()}
			rendered := newErrorRenderer().render(x, connect.ProtocolConnect, err)
			if rendered.Code() != test.code {
				t.Errorf("%s: %v, want %v", test.name, rendered.Code(), test.code)
			}
			if message := rendered.Message(); message == "" || strings.Contains(message, "secret") {
				t.Errorf("%s: the caller is told %q", test.name, message)
			}
			if x.code != test.code || !errors.Is(x.cause, test.err) {
				t.Errorf("%s: logged as %v, %v", test.name, x.code, x.cause)
			}
			again := test.code == connect.CodeUnavailable || errors.Is(err, errRateLimited) || errors.Is(err, errUserUnread) || errors.Is(err, errTooManyStreams)
			if advice := rendered.Meta().Get("Retry-After"); (advice != "") != again {
				t.Errorf("%s: Retry-After is %q", test.name, advice)
			}
		}
	}
}

func TestTheLastRowOfTheTableTakesEveryError(t *testing.T) {
	t.Parallel()
	table := errorTable()
	last := table[len(table)-1]
	if !last.matches(errors.New("any")) || last.code != connect.CodeInternal {
		t.Errorf("the last row is %v", last.code)
	}
}

func TestGRPCCallersGetNoChallenge(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{
		connect.ProtocolConnect: "Bearer",
		connect.ProtocolGRPC:    "",
		connect.ProtocolGRPCWeb: "",
	} {
		rendered := newErrorRenderer().render(t.Context(), protocol, auth.ErrRefused)
		if got := rendered.Meta().Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: WWW-Authenticate is %q, want %q", protocol, got, want)
		}
	}
}
