package rpc

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// noteStore notes what the trash is asked for.
type noteStore struct {
	hollowStore
	notes *[]string
}

func (s noteStore) note(format string, args ...any) {
	*s.notes = append(*s.notes, fmt.Sprintf(format, args...))
}

func (s noteStore) DeleteTodo(_ context.Context, owner todo.UserID, id todo.ID, deletion todo.Deletion) error {
	s.note("%v deletes %.2x of %+v, permanently: %v", owner, id[:1], deletion.If, deletion.Permanently)
	return nil
}

func (s noteStore) UndeleteTodo(_ context.Context, owner todo.UserID, id todo.ID, version todo.Version) (todo.Todo, error) {
	s.note("%v restores %.2x of %+v", owner, id[:1], version)
	return todo.Todo{ID: id, Title: "restored"}, nil
}

func (s noteStore) EmptyTrash(_ context.Context, owner todo.UserID) error {
	s.note("%v empties", owner)
	return todo.ErrNoTrash
}

func (s noteStore) ListTodos(_ context.Context, owner todo.UserID, query todo.Query) (todo.Page, error) {
	s.note("%v lists %v, after %v", owner, query.InTrash, query.After != nil)
	return todo.Page{Todos: []todo.Todo{{Title: "old", DeletedAt: testCursor().At, PurgeAt: testCursor().At}}, Next: testCursor()}, nil
}

func TestTheTrashIsAskedForWhatTheRequestSays(t *testing.T) {
	t.Parallel()
	var notes []string
	cfg, issuer := instantConfig(t)
	cfg.Todos = todo.NewService(noteStore{notes: &notes}, nil)
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	token := issuer.Token("alice")
	const id = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	trashPage := encodePageToken(todo.Query{InTrash: true}, testCursor())
	for _, test := range []struct {
		name, rpc, body string
		status          int
		answer, note    string
	}{
		{"delete", "DeleteTodo", `{"id":"` + id + `"}`, 200, "{}", "alice deletes 0c of {Number:0 Valid:false}, permanently: false"},
		{"delete for good", "DeleteTodo", `{"id":"` + id + `","permanently":true}`, 200, "{}", "alice deletes 0c of {Number:0 Valid:false}, permanently: true"},
		{"delete for good what nobody knows", "DeleteTodo", `{"id":"` + id + `","permanently":true,"etag":"old"}`, 200, "{}", "alice deletes 0c of {Number:-93724128000000000 Valid:true}, permanently: true"},
		{"restore", "UndeleteTodo", `{"id":"` + id + `"}`, 200, `"title":"restored"`, "alice restores 0c of {Number:0 Valid:false}"},
		{"restore what nobody knows", "UndeleteTodo", `{"id":"` + id + `","etag":"old"}`, 200, `"title":"restored"`, "alice restores 0c of {Number:-93724128000000000 Valid:true}"},
		{"empty", "EmptyTrash", `{}`, 501, `"code":"unimplemented"`, "alice empties"},
		{"list", "ListTodos", `{"deleted":true}`, 200, `"deletedAt":"2026-11-23T10:15:30.123456Z","purgeTime":"2026-11-23T10:15:30.123456Z","tags":[],"position":"Mffffffffffffff"}],"nextPageToken":"` + trashPage + `"`, "alice lists true, after false"},
		{"list on", "ListTodos", `{"deleted":true,"pageToken":"` + trashPage + `"}`, 200, trashPage, "alice lists true, after true"},
		{"list on elsewhere", "ListTodos", `{"pageToken":"` + trashPage + `"}`, 400, "page_token", ""},
	} {
		notes = nil
		r := httptest.NewRequest(http.MethodPost, "/todo.v1.TodoService/"+test.rpc, strings.NewReader(test.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.answer) {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
		if diff := cmp.Diff(test.note, strings.Join(notes, "; ")); diff != "" {
			t.Errorf("%s: the store was asked (-want +got):\n%s", test.name, diff)
		}
	}
}
