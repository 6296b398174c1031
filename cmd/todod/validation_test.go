package main

import (
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

func TestBrokenRulesAreRefusedByTheNameOfTheirField(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	create := func(req *todov1.CreateTodoRequest) func(*testing.T, todov1connect.TodoServiceClient) error {
		return func(t *testing.T, c todov1connect.TodoServiceClient) error {
			_, err := c.CreateTodo(t.Context(), req)
			return err
		}
	}
	update := func(req *todov1.UpdateTodoRequest) func(*testing.T, todov1connect.TodoServiceClient) error {
		return func(t *testing.T, c todov1connect.TodoServiceClient) error {
			_, err := c.UpdateTodo(t.Context(), req)
			return err
		}
	}
	list := func(req *todov1.ListTodosRequest) func(*testing.T, todov1connect.TodoServiceClient) error {
		return func(t *testing.T, c todov1connect.TodoServiceClient) error {
			_, err := c.ListTodos(t.Context(), req)
			return err
		}
	}
	tests := []struct {
		name  string
		field string // "" for a rule of the whole message.
		rule  string
		call  func(*testing.T, todov1connect.TodoServiceClient) error
	}{
		{"create without a title", "title", "required", create(&todov1.CreateTodoRequest{})},
		{"create with a blank title", "title", "title.not_blank", create(&todov1.CreateTodoRequest{Title: " \t\n\v\f\r\u0085\u00a0\u2028\u3000"})},
		{"create with NUL in the title", "title", "title.no_nul", create(&todov1.CreateTodoRequest{Title: "a\x00b"})},
		{"create with NUL in the description", "description", "description.no_nul", create(&todov1.CreateTodoRequest{Title: "a", Description: new("\x00")})},
		{"create with a title of 501", "title", "string.max_len", create(&todov1.CreateTodoRequest{Title: strings.Repeat("😀", 501)})},
		{"create with a title of 501 with white space", "title", "string.max_len", create(&todov1.CreateTodoRequest{Title: "a" + strings.Repeat(" ", 500)})},
		{"create with a description of 2001", "description", "string.max_len", create(&todov1.CreateTodoRequest{Title: "a", Description: new(strings.Repeat("é", 2001))})},
		{"create under no UUID", "id", "string.uuid", create(&todov1.CreateTodoRequest{Title: "a", Id: new("1")})},
		{"create under an empty id", "id", "string.uuid_empty", create(&todov1.CreateTodoRequest{Title: "a", Id: new("")})},
		{"update of nothing", "", "update.not_empty", update(&todov1.UpdateTodoRequest{Id: someID})},
		{"update with an empty title", "title", "string.min_len", update(&todov1.UpdateTodoRequest{Id: someID, Title: new("")})},
		{"update with a blank title", "title", "title.not_blank", update(&todov1.UpdateTodoRequest{Id: someID, Title: new("\u2003")})},
		{"update with NUL in the title", "title", "title.no_nul", update(&todov1.UpdateTodoRequest{Id: someID, Title: new("\x00a")})},
		{"update with a title of 501", "title", "string.max_len", update(&todov1.UpdateTodoRequest{Id: someID, Title: new(strings.Repeat("é", 501))})},
		{"update with a description of 2001", "description", "string.max_len", update(&todov1.UpdateTodoRequest{Id: someID, Description: new(strings.Repeat("a", 2001))})},
		{"update with NUL in the description", "description", "description.no_nul", update(&todov1.UpdateTodoRequest{Id: someID, Description: new("a\x00")})},
		{"update of no UUID", "id", "string.uuid", update(&todov1.UpdateTodoRequest{Id: "1", Title: new("a")})},
		{"list of a negative size", "page_size", "int32.gte", list(&todov1.ListTodosRequest{PageSize: -1})},
		{"list after a token too long", "page_token", "string.max_len", list(&todov1.ListTodosRequest{PageToken: strings.Repeat("a", 513)})},
		{"get of no UUID", "id", "string.uuid", func(t *testing.T, c todov1connect.TodoServiceClient) error {
			_, err := c.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: "not a uuid"})
			return err
		}},
		{"delete of no UUID", "id", "string.uuid", func(t *testing.T, c todov1connect.TodoServiceClient) error {
			_, err := c.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: someID + "0"})
			return err
		}},
	}
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("validator"))
		for _, test := range tests {
			err := test.call(t, client)
			checkCode(t, test.name, err, connect.CodeInvalidArgument)
			if got := violations(t, err); !slices.Contains(got, test.field+" "+test.rule) {
				t.Errorf("%s: violations %q, want %q", test.name, got, test.field+" "+test.rule)
			}
		}
	})
}

// violations lists the fields and rules in an error's detail.
func violations(t *testing.T, err error) []string {
	t.Helper()
	failure, ok := errorsAs(err)
	if !ok {
		t.Fatalf("not a Connect error: %v", err)
	}
	var listed []string
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := value.(*validate.Violations); ok {
			for _, violation := range found.GetViolations() {
				listed = append(listed, protovalidate.FieldPathString(violation.GetField())+" "+violation.GetRuleId())
			}
		}
	}
	return listed
}

func TestAnEmptyDescriptionIsNone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res := s.do(t, "POST", "/api/todos", `{"title":"a","description":""}`, append(s.bearer("u"), "Content-Type", "application/json")...)
	if res.status != 200 || strings.Contains(res.body, "description") {
		t.Errorf("%d %s", res.status, res.body)
	}
}
