package todo_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"example.com/todo-backend/internal/todo"
)

func TestParseIDTakesTheCanonicalFormOnly(t *testing.T) {
	t.Parallel()
	const canonical = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	for _, valid := range []string{canonical, strings.ToUpper(canonical)} {
		id, err := todo.ParseID(valid)
		if err != nil {
			t.Errorf("ParseID(%q): %v", valid, err)
		} else if id.String() != canonical {
			t.Errorf("ParseID(%q) = %v", valid, id)
		} else if text := string(id.Append([]byte("id "))); text != "id "+canonical {
			t.Errorf("Append wrote %q", text)
		}
	}
	for _, invalid := range []string{
		"", "1", "{" + canonical + "}", "urn:uuid:" + canonical, strings.ReplaceAll(canonical, "-", ""),
		canonical + " ", strings.Replace(canonical, "-", "_", 1), strings.Replace(canonical, "c", "g", 1),
	} {
		if id, err := todo.ParseID(invalid); err == nil {
			t.Errorf("ParseID(%q) = %v, want an error", invalid, id)
		}
	}
}

func TestParseUserIDTakesWhatTheStoreCanHold(t *testing.T) {
	t.Parallel()
	for _, valid := range []string{"u", " u ", strings.Repeat("é", 255), "user|42"} {
		user, err := todo.ParseUserID(valid)
		if err != nil {
			t.Errorf("ParseUserID(%q): %v", valid, err)
		} else if user.String() != valid {
			t.Errorf("ParseUserID(%q) = %q", valid, user)
		}
	}
	for _, invalid := range []string{"", " ", "\t\u00a0\u3000", strings.Repeat("é", 256), "a\x00b"} {
		if user, err := todo.ParseUserID(invalid); err == nil {
			t.Errorf("ParseUserID(%q) = %q, want an error", invalid, user)
		}
	}
}

// recorder is a store that keeps what it was asked instead of todos.
type recorder struct {
	todo.Store
	owner  todo.UserID
	draft  todo.Draft
	change todo.Change
	query  todo.Query
}

func (r *recorder) CreateTodo(_ context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	r.owner, r.draft = owner, draft
	return todo.Todo{}, nil
}

func (r *recorder) UpdateTodo(_ context.Context, owner todo.UserID, _ todo.ID, change todo.Change) (todo.Todo, error) {
	r.owner, r.change = owner, change
	return todo.Todo{}, nil
}

func (r *recorder) ListTodos(_ context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	r.owner, r.query = owner, query
	return todo.Page{}, nil
}

func TestServiceTrimsTitlesAndNothingElse(t *testing.T) {
	t.Parallel()
	store := new(recorder)
	service := todo.NewService(store, nil)
	// Every character that Unicode calls white space.
	const space = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

	if _, err := service.Create(t.Context(), todo.UserID{}, todo.Draft{Title: space + "a b" + space, Description: " d "}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(todo.Draft{Title: "a b", Description: " d "}, store.draft, cmpopts.IgnoreFields(todo.Draft{}, "ID")); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}

	title, description := space+"c", " d "
	change := todo.Change{Title: &title, Description: &description}
	if _, err := service.Update(t.Context(), todo.UserID{}, todo.ID{}, change); err != nil {
		t.Fatal(err)
	}
	trimmed := "c"
	if diff := cmp.Diff(todo.Change{Title: &trimmed, Description: &description}, store.change); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	if title != space+"c" {
		t.Error("the caller's own title was changed")
	}
}

func TestServiceChoosesAnIDUnlessTheCallerHas(t *testing.T) {
	t.Parallel()
	store := new(recorder)
	service := todo.NewService(store, nil)
	seen := make(map[todo.ID]bool)
	for range 100 {
		draft := todo.Draft{Title: "a"}
		if _, err := service.Create(t.Context(), todo.UserID{}, draft); err != nil {
			t.Fatal(err)
		}
		if draft.ID != nil {
			t.Error("the caller's own draft was changed")
		}
		seen[*store.draft.ID] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d different ids in 100", len(seen))
	}
	for _, chosen := range []todo.ID{{}, todo.ID(uuid.New())} {
		if _, err := service.Create(t.Context(), todo.UserID{}, todo.Draft{ID: &chosen, Title: "a"}); err != nil {
			t.Fatal(err)
		}
		if *store.draft.ID != chosen {
			t.Errorf("%v became %v", chosen, *store.draft.ID)
		}
	}
}

func TestServiceDefaultsAndCapsThePageSize(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{0: 50, 1: 1, 50: 50, 200: 200, 201: 200, 1 << 30: 200} {
		store := new(recorder)
		if _, err := todo.NewService(store, nil).List(t.Context(), todo.UserID{}, todo.Query{Size: asked}); err != nil {
			t.Fatal(err)
		}
		if store.query.Size != want {
			t.Errorf("a list of %d was asked of the store as %d, want %d", asked, store.query.Size, want)
		}
	}
}
