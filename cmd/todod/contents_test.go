package main

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestAListTakesTheTokensThatItGaveOut is about rows that others have put there,
// some of them before the table had its checks.
func TestAListTakesTheTokensThatItGaveOut(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	pgtest.Exec(t, database, `
		ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range, DROP CONSTRAINT ck_todo_updated_at_in_range;
		INSERT INTO todo (title, user_id, created_at, position, updated_at)
		SELECT 'old', 'u', at, repeat('😀', 200), at
		FROM   unnest('{infinity, infinity, 10000-01-01, 1969-12-31, 1969-12-30, 0044-03-15 BC, 0044-03-14 BC, -infinity, -infinity}'::timestamptz[]) AS at`)
	s := start(t, map[string]string{"DATABASE_URL": database})
	if res := s.do(t, "POST", "/api/todos", `{"title":"new"}`, append(s.bearer("u"), "Content-Type", "application/json")...); res.status != 200 {
		t.Fatal(res.status, res.body)
	}
	const all = 10
	for _, order := range []string{"created", "due", "priority", "position", "updated"} {
		seen := make(map[string]bool)
		token := ""
		for range all {
			res := s.do(t, "GET", "/api/todos?pageSize=1&orderBy="+order+"&pageToken="+url.QueryEscape(token), "", s.bearer("u")...)
			var page struct {
				Todos []struct {
					ID                   string
					CreatedAt, UpdatedAt time.Time
				}
				NextPageToken string
			}
			if err := json.Unmarshal([]byte(res.body), &page); err != nil || res.status != 200 || len(page.Todos) != 1 {
				t.Fatalf("by %s, after %d todos: %d %s, %v", order, len(seen), res.status, res.body, err)
			}
			seen[page.Todos[0].ID] = true
			token = page.NextPageToken
		}
		if len(seen) != all || token != "" {
			t.Errorf("by %s: %d todos were listed, and the list goes on at %q, want %d and its end", order, len(seen), token, all)
		}
	}
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("u"))
		page, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil || len(page.GetTodos()) != all {
			t.Fatalf("%d todos, %v", len(page.GetTodos()), err)
		}
		for _, one := range page.GetTodos() {
			if one.GetCreatedAt().CheckValid() != nil || one.GetUpdatedAt().CheckValid() != nil {
				t.Errorf("%v", one)
			}
		}
	})
}
