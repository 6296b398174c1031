package rpc

import (
	"context"
	"errors"
	"testing"

	"example.com/todo-backend/internal/todo"
)

func TestTheCallerIsWhoTheAuthInterceptorLetIn(t *testing.T) {
	t.Parallel()
	alice, err := todo.ParseUserID("alice")
	if err != nil {
		t.Fatal(err)
	}
	passed, stranger := &exchange{Context: t.Context(), user: alice}, &exchange{Context: t.Context()}
	// As within Connect, which puts contexts of its own around it.
	within, cancel := context.WithCancel(passed)
	defer cancel()
	if user, err := caller(within); user != alice || err != nil {
		t.Errorf("caller is %q, %v", user, err)
	}
	for name, ctx := range map[string]context.Context{"no exchange": t.Context(), "nobody let in": stranger} {
		if user, err := caller(ctx); !errors.Is(err, errNoCaller) {
			t.Errorf("%s: caller is %q, %v", name, user, err)
		}
	}
}
