package main

import (
	"strings"
	"testing"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestARequestIsOneLineThatSaysWhatHappened(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	headers := append(s.bearer("logged user"), "Content-Type", "application/json")
	for _, test := range []struct {
		name, method, path, body string
		want                     logLine
	}{
		{"REST", "POST", "/api/todos", `{"title":"a"}`, logLine{
			"level": "INFO", "method": "POST", "path": "/api/todos", "procedure": "/todo.v1.TodoService/CreateTodo",
			"protocol": "rest", "status": 200.0, "code": "ok", "user_id": "logged user",
		}},
		{"Connect", "POST", "/todo.v1.TodoService/ListTodos", `{}`, logLine{
			"level": "INFO", "procedure": "/todo.v1.TodoService/ListTodos", "protocol": "connect", "code": "ok",
		}},
		{"Connect GET", "GET", "/todo.v1.TodoService/ListTodos?encoding=json&message=%7B%7D", ``, logLine{
			"level": "INFO", "method": "GET", "path": "/todo.v1.TodoService/ListTodos", "protocol": "connect", "code": "ok",
		}},
		{"not found", "GET", "/api/todos/" + someID, ``, logLine{"level": "INFO", "status": 404.0, "code": "not_found"}},
		{"a probe", "GET", "/readyz", ``, logLine{"level": "DEBUG", "protocol": "http", "user_id": ""}},
	} {
		sent := headers
		if test.body == "" {
			sent = s.bearer("logged user")
		}
		res := s.do(t, test.method, test.path, test.body, sent...)
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		for name, want := range test.want {
			if line[name] != want {
				t.Errorf("%s: %s is %v, want %v", test.name, name, line[name], want)
			}
		}
		if took, ok := line["duration_ms"].(float64); !ok || took <= 0 {
			t.Errorf("%s: duration_ms is %v", test.name, line["duration_ms"])
		}
	}
}

func TestARefusedTokenIsAWarningWithItsReason(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res := s.do(t, "GET", "/api/todos", "", "Authorization", "Bearer not-a-token")
	line := s.logs.request(t, res.header.Get("X-Request-Id"))
	if line["level"] != "WARN" || line["reason"] != "malformed" || line["user_id"] != "" {
		t.Errorf("%v", line)
	}
}

func TestTheLogHasNoTokenNoClaimAndNoTodo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	token := s.issuer.Token("canary-user")
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, token)
		created, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "canary-title", Description: new("canary-description")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), Title: new(strings.Repeat("canary-title", 50))}); err == nil {
			t.Error("a title of 600 characters was taken")
		}
		refused, _ := s.client(t, way, token+"canary-signature")
		if _, err := refused.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: created.GetId()}); err == nil {
			t.Error("a forged token was taken")
		}
	})
	s.do(t, "GET", "/api/todos?pageToken=canary-query", "", s.bearer("canary-user")...)
	log := s.logged(t)
	for _, canary := range []string{token, strings.Split(token, ".")[2], "canary-title", "canary-description", "canary-signature", "canary-query", "email"} {
		if strings.Contains(log, canary) {
			t.Errorf("the log has %q", canary)
		}
	}
	if !strings.Contains(log, "canary-user") {
		t.Error("the log lacks the user")
	}
}

func TestRequestIDsAreKeptWhenSaneAndAlwaysAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, kept := range []string{"a", "A-b_9", strings.Repeat("x", 64)} {
		if got := s.do(t, "GET", "/livez", "", "X-Request-Id", kept).header.Get("X-Request-Id"); got != kept {
			t.Errorf("%q was answered as %q", kept, got)
		}
	}
	for _, replaced := range []string{"", "a b", "é", strings.Repeat("x", 65), "a;b"} {
		got := s.do(t, "GET", "/livez", "", "X-Request-Id", replaced).header.Get("X-Request-Id")
		if got == "" || got == replaced {
			t.Errorf("%q was answered as %q", replaced, got)
		}
	}
}

func TestControlCharactersStayInOneLine(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res := s.do(t, "GET", "/%0A%1B%5B31m%22%5C"+strings.Repeat("x", 1000), "", "User-Agent", "a\tb")
	line := s.logs.request(t, res.header.Get("X-Request-Id"))
	path, _ := line["path"].(string)
	if !strings.HasPrefix(path, "/\n\x1b[31m\"\\x") || len(path) > 300 {
		t.Errorf("path is %q", path)
	}
}
