package todo_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/todo-backend/internal/todo"
)

// shelf is a store that has one list of todos and answers pages of it.
type shelf struct {
	todo.Store
	todos []todo.Todo
}

func newShelf(texts ...string) shelf {
	todos := make([]todo.Todo, len(texts))
	for i, text := range texts {
		todos[i] = todo.Todo{ID: todo.ID{byte(i >> 8), byte(i)}, Title: "t", Description: text, CreatedAt: time.UnixMicro(int64(-i))}
	}
	return shelf{todos: todos}
}

func (s shelf) ListTodos(_ context.Context, _ todo.UserID, query todo.Query) (todo.Page, error) {
	rest := s.todos
	if query.After != nil {
		rest = rest[1+slices.IndexFunc(rest, func(t todo.Todo) bool { return t.ID == query.After.ID }):]
	}
	page := todo.Page{Todos: rest[:min(query.Size, len(rest))]}
	if len(page.Todos) < len(rest) {
		last := page.Todos[len(page.Todos)-1]
		page.Next = &todo.Cursor{At: last.CreatedAt, ID: last.ID}
	}
	return page, nil
}

func TestAPageEndsEarlyWhenItsTextsAreLong(t *testing.T) {
	t.Parallel()
	control := strings.Repeat("\x01", 2000) // 12,000 bytes as JSON.
	for name, test := range map[string]struct {
		texts []string
		pages []int // Their lengths.
	}{
		"short texts":                  {slices.Repeat([]string{"short"}, 250), []int{200, 50}},
		"a kilobyte each":              {slices.Repeat([]string{strings.Repeat("x", 1024)}, 250), []int{200, 50}},
		"2,000 emoji each":             {slices.Repeat([]string{strings.Repeat("😀", 2000)}, 100), []int{32, 32, 32, 4}},
		"control characters":           {slices.Repeat([]string{control}, 50), []int{21, 21, 8}},
		"one beyond the bound":         {[]string{strings.Repeat("x", todo.MaxPageBytes+1), "short"}, []int{1, 1}},
		"up to the bound":              {[]string{strings.Repeat("x", todo.MaxPageBytes-3), "", "next"}, []int{2, 1}},
		"all of them within the bound": {[]string{strings.Repeat("x", todo.MaxPageBytes-3), ""}, []int{2}},
		"none":                         {nil, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newShelf(test.texts...)
			service := todo.NewService(store, nil)
			var (
				all   []todo.Todo
				pages []int
				query = todo.Query{Size: todo.MaxPageSize}
			)
			for {
				page, err := service.List(t.Context(), todo.UserID{}, query)
				if err != nil {
					t.Fatal(err)
				}
				all, pages = append(all, page.Todos...), append(pages, len(page.Todos))
				if query.After = page.Next; query.After == nil {
					break
				}
			}
			if diff := cmp.Diff(test.pages, pages); diff != "" {
				t.Errorf("lengths of pages (-want +got):\n%s", diff)
			}
			if !cmp.Equal(all, store.todos, cmpopts.EquateEmpty()) {
				t.Errorf("%d todos on all pages, want all %d in their order", len(all), len(store.todos))
			}
		})
	}
}

// TestEveryTextOfATodoCountsTowardsItsPage fails for a text that the todo has
// come to have, and that its pages have no bound for.
func TestEveryTextOfATodoCountsTowardsItsPage(t *testing.T) {
	t.Parallel()
	fields := reflect.VisibleFields(reflect.TypeFor[todo.Todo]())
	due, _ := reflect.TypeFor[todo.Todo]().FieldByName("Due")
	for _, part := range reflect.VisibleFields(due.Type) {
		part.Index = append(slices.Clone(due.Index), part.Index...)
		fields = append(fields, part)
	}
	for _, field := range fields {
		long := todo.Todo{Title: "t"}
		value := reflect.ValueOf(&long).Elem().FieldByIndex(field.Index)
		text := strings.Repeat("\x01", todo.MaxPageBytes/6)
		switch field.Type.String() {
		case "string":
			value.SetString(text)
		case "todo.Tags":
			value.Set(reflect.ValueOf(todo.Tags{text}))
		default:
			continue // Not long.
		}
		store := newShelf("", "", "", "")
		for i := range store.todos {
			reflect.ValueOf(&store.todos[i]).Elem().FieldByIndex(field.Index).Set(value)
		}
		page, err := todo.NewService(store, nil).List(t.Context(), todo.UserID{}, todo.Query{})
		if err != nil || len(page.Todos) != 1 {
			t.Errorf("a page of todos with a long %s has %d, %v", field.Name, len(page.Todos), err)
		}
	}
}

func TestBytesOnTheWireAreThoseOfJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "abc": 3, "é😀": 6, `"\`: 4, "\x00\x1f\n": 18, "\x7f\u0085": 3,
	} {
		if got := todo.WireBytes(text); got != want {
			t.Errorf("%q has %d bytes, want %d", text, got, want)
		}
	}
}
