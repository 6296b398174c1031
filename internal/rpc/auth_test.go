package rpc

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/todo"
)

// tokens is an Authenticator of the tokens that it has.
type tokens map[string]todo.UserID

func (t tokens) Verify(_ context.Context, token string) (auth.Identity, error) {
	return auth.Identity{User: t[token]}, nil
}

// ownerStore keeps whose todos it is asked for.
type ownerStore struct {
	hollowStore
	owners *[]todo.UserID
}

func (s ownerStore) GetTodo(_ context.Context, owner todo.UserID, _ todo.ID) (todo.Todo, error) {
	*s.owners = append(*s.owners, owner)
	return todo.Todo{}, todo.ErrNotFound
}

func TestTheCallerIsWhoTheAuthInterceptorLetIn(t *testing.T) {
	t.Parallel()
	alice, err := todo.ParseUserID("alice")
	if err != nil {
		t.Fatal(err)
	}
	var owners []todo.UserID
	cfg, _ := instantConfig(t)
	cfg.Authenticator = tokens{"hers": alice} // And nobody for any other.
	cfg.Todos = todo.NewService(ownerStore{owners: &owners}, nil)
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	get := func(authorization string) int {
		r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceGetTodoProcedure, strings.NewReader(`{"id":"0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	if status := get("Bearer hers"); status != http.StatusNotFound || len(owners) != 1 || owners[0] != alice {
		t.Errorf("status %d, the store is asked for %v", status, owners)
	}
	if status := get("Bearer of nobody"); status != http.StatusInternalServerError || len(owners) != 1 {
		t.Errorf("without a user: status %d, the store is asked for %v", status, owners)
	}
	if status := get(""); status != http.StatusUnauthorized || len(owners) != 1 {
		t.Errorf("without a token: status %d, the store is asked for %v", status, owners)
	}
	if user, err := caller(t.Context()); !errors.Is(err, errNoCaller) {
		t.Errorf("without a request: %v, %v", user, err)
	}
}
