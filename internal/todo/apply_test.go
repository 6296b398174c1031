package todo_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// applyStore keeps the last request that it was to apply.
type applyStore struct {
	todo.Store
	request todo.ApplyRequest
}

func (s *applyStore) ApplyTodos(_ context.Context, _ todo.UserID, request todo.ApplyRequest) ([]todo.Result, error) {
	s.request = request
	return make([]todo.Result, len(request.Operations)), nil
}

// heard keeps whose todos have changed.
type heard []string

func (h *heard) Changed(owner todo.UserID) { *h = append(*h, owner.String()) }

func TestOperationsAreStoredAsCallsOfTheirOwnWouldBe(t *testing.T) {
	t.Parallel()
	store, told := new(applyStore), new(heard)
	service := todo.NewService(store, told)
	owner := mustUser(t, "alice")
	given := todo.ID{1}
	operations := []todo.Operation{
		todo.CreateOperation{Draft: todo.Draft{ID: &given, Title: " t ", Description: " d "}},
		todo.UpdateOperation{ID: given, Change: todo.Change{Title: new("\u3000t\n"), Description: new(" d ")}},
		todo.DeleteOperation{ID: given},
		todo.UndeleteOperation{ID: given},
		todo.InvalidOperation{},
	}
	want := []todo.Operation{
		todo.CreateOperation{Draft: todo.Draft{ID: &given, Title: "t", Description: " d "}},
		todo.UpdateOperation{ID: given, Change: todo.Change{Title: new("t"), Description: new(" d ")}},
		todo.DeleteOperation{ID: given},
		todo.UndeleteOperation{ID: given},
		todo.InvalidOperation{},
	}
	results, err := service.Apply(t.Context(), owner, todo.ApplyRequest{Operations: operations, IsAtomic: true})
	if err != nil || len(results) != len(operations) {
		t.Fatalf("Apply: %v, %v", results, err)
	}
	if diff := cmp.Diff(todo.ApplyRequest{Operations: want, IsAtomic: true}, store.request); diff != "" {
		t.Errorf("the store's request:\n%s", diff)
	}
	if diff := cmp.Diff(&heard{"alice"}, told); diff != "" {
		t.Errorf("told of changes:\n%s", diff)
	}
}

func TestACreateWithoutAnIDGetsTheSameFromARepetitionAlone(t *testing.T) {
	t.Parallel()
	store := new(applyStore)
	service := todo.NewService(store, nil)
	seen := make(map[todo.ID]string)
	ids := func(owner string, request todo.RequestID) (ids []todo.ID) {
		t.Helper()
		operations := []todo.Operation{todo.CreateOperation{Draft: todo.Draft{Title: "t"}}, todo.CreateOperation{Draft: todo.Draft{Title: "t"}}}
		if _, err := service.Apply(t.Context(), mustUser(t, owner), todo.ApplyRequest{ID: request, Operations: operations}); err != nil {
			t.Fatal(err)
		}
		for _, operation := range store.request.Operations {
			created, ok := operation.(todo.CreateOperation)
			if !ok || created.Draft.ID == nil {
				t.Fatalf("the operation %+v", operation)
			}
			ids = append(ids, *created.Draft.ID)
		}
		return ids
	}
	for _, owner := range []string{"alice", "bob"} {
		for _, request := range []todo.RequestID{{1}, {2}} {
			first := ids(owner, request)
			for i, id := range first {
				if other, isTaken := seen[id]; isTaken {
					t.Errorf("operation %d of %s's request %v has the id of %s", i, owner, request, other)
				}
				seen[id] = owner
				if _, err := todo.ParseID(id.String()); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(first, ids(owner, request)); diff != "" {
				t.Errorf("a repetition has other ids:\n%s", diff)
			}
		}
	}
}

// mustUser returns an owner.
func mustUser(t *testing.T, subject string) todo.UserID {
	t.Helper()
	owner, err := todo.ParseUserID(subject)
	if err != nil {
		t.Fatal(err)
	}
	return owner
}
