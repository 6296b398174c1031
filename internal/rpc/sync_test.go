package rpc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/todo"
)

func asConnectError(err error, target **connect.Error) bool { return errors.As(err, target) }

// TestASyncGoesOnWhereTheLastOneEnded syncs by pages, over every protocol.
func TestASyncGoesOnWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		t.Run(protocol.name, func(t *testing.T) {
			t.Parallel()
			s := newChangesService(t, names{})
			client := protocol.client(t, s.start(t), "alice")
			for range 5 {
				if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "hers"}); err != nil {
					t.Fatal(err)
				}
			}
			token := ""
			for _, want := range []int{2, 2, 1, 0} {
				res, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: token, PageSize: 2})
				if err != nil {
					t.Fatal(err)
				}
				if len(res.GetTodos()) != want || res.GetHasMore() != (want == 2) || res.GetReset_() {
					t.Errorf("a page has %d todos, more %v, want %d", len(res.GetTodos()), res.GetHasMore(), want)
				}
				token = res.GetNextSyncToken()
			}
			res, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: encodeSyncToken(todo.SyncPosition{Epoch: 1, Revision: 3})})
			if err != nil || !res.GetReset_() || len(res.GetTodos()) != 5 {
				t.Errorf("with a token of another epoch: %v, %v", res, err)
			}
			if _, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: "next"}); connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("with a broken token: %v", err)
			}
		})
	}
}

// TestASyncMayWait has a client wait for changes, in a bubble.
func TestASyncMayWait(t *testing.T) {
	t.Parallel()
	upToDate := `"syncToken":"` + encodeSyncToken(todo.SyncPosition{Epoch: 7}) + `"`
	for name, test := range map[string]struct {
		body   string
		change time.Duration // When a change comes; 0 for never.
		drain  time.Duration // When the server drains.
		life   time.Duration // Of the token.
		took   time.Duration
		answer string
		ended  string
	}{
		"nothing comes":       {`{"waitSeconds":25,` + upToDate + `}`, 0, 0, 0, 25 * time.Second, `{"todos":[],`, "done"},
		"a change comes":      {`{"waitSeconds":25,` + upToDate + `}`, 20 * time.Second, 0, 0, 20 * time.Second, `"title":"new"`, "done"},
		"the server drains":   {`{"waitSeconds":25,` + upToDate + `}`, 0, 14 * time.Second, 0, 14 * time.Second, `{"todos":[],`, "drain"},
		"the token expires":   {`{"waitSeconds":25,` + upToDate + `}`, 0, 0, 9 * time.Second, 9 * time.Second, `{"todos":[],`, "done"},
		"a first sync":        {`{"waitSeconds":25}`, 0, 0, 0, 0, `{"todos":[],`, "done"},
		"a sync anew":         {`{"waitSeconds":25,"syncToken":"` + encodeSyncToken(todo.SyncPosition{Epoch: 6}) + `"}`, 0, 0, 0, 0, `"reset":true`, "done"},
		"a sync that doesn't": {`{` + upToDate + `}`, 0, 0, 0, 0, `{"todos":[],`, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newChangesService(t, names{life: test.life})
			alice, err := todo.ParseUserID("alice")
			if err != nil {
				t.Fatal(err)
			}
			if test.change > 0 {
				time.AfterFunc(test.change, func() {
					id := todo.ID{1}
					_, _ = s.store.CreateTodo(t.Context(), alice, todo.Draft{ID: &id, Title: "new"})
					s.hub.Changed(alice)
				})
			}
			if test.drain > 0 {
				time.AfterFunc(test.drain, func() { _ = s.Drain(0) })
			}
			r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceSyncTodosProcedure, strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer alice")
			w := httptest.NewRecorder()
			start := time.Now()
			s.ServeHTTP(w, r)
			if took := time.Since(start); took != test.took || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), test.answer) {
				t.Errorf("%s: %d after %v: %s", name, w.Code, took, w.Body)
			}
			if line := s.log.line(t, todov1connect.TodoServiceSyncTodosProcedure); line.Level != "INFO" || line.Ended != test.ended {
				t.Errorf("%s: logged as %+v", name, line)
			}
			if got := s.hub.Stats().Open; got != 0 {
				t.Errorf("%s: %d watches are open", name, got)
			}
		})
	}
}

// TestAWaitIsBounded asks for more than there may be.
func TestAWaitIsBounded(t *testing.T) {
	t.Parallel()
	s := newChangesService(t, names{})
	client := protocols()[0].client(t, s.start(t), "alice")
	for _, seconds := range []int32{-1, 26} {
		if _, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{WaitSeconds: seconds}); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%d seconds: %v", seconds, err)
		}
	}
}
