package main

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// conflicting returns the todo in the details of an error, or nil when there is none.
func conflicting(err error) *todov1.Todo {
	failure, ok := err.(*connect.Error) //nolint:errorlint // As clients return it.
	if !ok {
		return nil
	}
	for _, detail := range failure.Details() {
		if value, err := detail.Value(); err == nil {
			if current, ok := value.(*todov1.Todo); ok {
				return current
			}
		}
	}
	return nil
}

func TestACallWithAnOldEtagIsRefusedAndToldTheTodo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("etags over "+way))
		ctx := t.Context()
		read, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: "Buy milk"})
		if err != nil {
			t.Fatal(err)
		}
		current, err := client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: read.GetId(), Etag: read.Etag, Title: new("Buy oat milk")})
		if err != nil {
			t.Fatal("with the todo's etag:", err)
		}
		another, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: "another"})
		if err != nil {
			t.Fatal(err)
		}
		for name, etag := range map[string]string{
			"an old etag": read.GetEtag(), "another todo's": another.GetEtag(), "no etag of ours": "abc", "a weak one": `W/"` + current.GetEtag() + `"`,
		} {
			_, updateErr := client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: read.GetId(), Etag: &etag, IsCompleted: new(true)})
			_, deleteErr := client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: read.GetId(), Etag: &etag})
			for call, err := range map[string]error{"update": updateErr, "delete": deleteErr} {
				checkCode(t, call+" with "+name, err, connect.CodeAborted)
				if diff := cmp.Diff(current, conflicting(err), protocmp.Transform()); diff != "" {
					t.Errorf("%s with %s: the error's todo (-current +told):\n%s", call, name, diff)
				}
			}
			_, updateErr = client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: someID, Etag: &etag, IsCompleted: new(true)})
			checkCode(t, "update of none with "+name, updateErr, connect.CodeNotFound)
			_, deleteErr = client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: someID, Etag: &etag})
			checkCode(t, "delete of none with "+name, deleteErr, connect.CodeNotFound)
		}
		_, err = client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: read.GetId(), Etag: new(""), IsCompleted: new(true)})
		checkCode(t, "an empty etag", err, connect.CodeInvalidArgument)
		if _, err := client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: read.GetId(), Etag: current.Etag}); err != nil {
			t.Error("delete with the todo's etag:", err)
		}
	})
}

func TestAnothersTodoIsNotTheCallersWhateverTheEtag(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		anna, annas, berta, heard := s.annaAndBerta(t, way)
		for name, etag := range map[string]*string{"its etag": annas.Etag, "an etag that nobody has": new("abc"), "no etag": nil} {
			_, err := berta.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: annas.GetId(), Etag: etag, Title: new("taken")})
			checkCode(t, "update with "+name, err, connect.CodeNotFound)
			if strings.Contains(string(heard.heard), "private") || conflicting(err) != nil {
				t.Errorf("with %s berta is told %s", name, heard.heard)
			}
			_, err = berta.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: annas.GetId(), Etag: etag})
			checkCode(t, "delete with "+name, err, connect.CodeNotFound)
		}
		still, err := anna.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: annas.GetId()})
		if diff := cmp.Diff(annas, still, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("anna's todo: %v\n%s", err, diff)
		}
	})
}

// TestALargeTodoIsNoDetailOverGRPC because it would be in a trailer.
func TestALargeTodoIsNoDetailOverGRPC(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("large over "+way))
		for size, isTold := range map[int]bool{1900: true, 2000: way != "gRPC"} {
			description := strings.Repeat("é", size)
			created, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: strings.Repeat("é", 50), Description: &description})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), Etag: new("abc"), Title: new("b")})
			checkCode(t, "an update", err, connect.CodeAborted)
			if told := conflicting(err); (told.GetDescription() == description) != isTold {
				t.Errorf("of %d letters, the todo in the error is %v", size, told)
			}
		}
	})
}

func TestRESTHasTheConditionsOfHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	asJSON := append(s.bearer("u"), "Content-Type", "application/json")
	made := s.do(t, "POST", "/api/todos", `{"title":"a"}`, asJSON...)
	var id string
	if _, after, found := strings.Cut(made.body, `"id":"`); found {
		id = after[:len(someID)]
	}
	first := made.header.Get("Etag")
	if len(first) < 3 || first[0] != '"' || !strings.Contains(made.body, `"etag":`+first) {
		t.Fatalf("the create has ETag %s and the body %s", first, made.body)
	}
	path := "/api/todos/" + id
	do := func(method, body string, headers ...string) *response {
		return s.do(t, method, path, body, append(headers, asJSON...)...)
	}
	changed := do("PATCH", `{"title":"b"}`, "If-Match", first)
	current := changed.header.Get("Etag")
	if changed.status != 200 || current == "" || current == first {
		t.Fatalf("a change: %d %s, ETag %s after %s", changed.status, changed.body, current, first)
	}
	for _, test := range []struct {
		method, name, value, body string
		status                    int
	}{
		{"GET", "If-None-Match", current, "", 304},
		{"GET", "If-None-Match", "W/" + current, "", 304},
		{"GET", "If-None-Match", first + ", " + current, "", 304},
		{"GET", "If-None-Match", "*", "", 304},
		{"HEAD", "If-None-Match", current, "", 304},
		{"GET", "If-None-Match", first, "", 200},
		{"GET", "If-None-Match", "abc", "", 200},
		{"GET", "If-Match", first, "", 200}, // It takes no such condition.
		{"PATCH", "If-Match", first, `{"title":"c"}`, 409},
		{"PATCH", "If-Match", "W/" + current, `{"title":"c"}`, 409},
		{"PATCH", "If-Match", `"abc"`, `{"title":"c"}`, 409},
		{"PATCH", "If-Match", first + ", " + current, `{"title":"c"}`, 400},
		{"PATCH", "If-Match", strings.Trim(current, `"`), `{"title":"c"}`, 400},
		{"PATCH", "If-Match", "", `{"title":"c"}`, 400},
		{"PATCH", "If-Match", first, `{"title":"c","etag":` + current + `}`, 400},
		{"DELETE", "If-Match", first, "", 409},
		{"DELETE", "If-Match", `"é"`, "", 400},
	} {
		what := test.method + " with " + test.name + ": " + test.value
		res := do(test.method, test.body, test.name, test.value)
		if res.status != test.status {
			t.Errorf("%s: %d %s, want %d", what, res.status, res.body, test.status)
		}
		switch test.status {
		case 304:
			if res.body != "" || res.header.Get("Etag") != current || res.header.Get("Content-Type") != "" {
				t.Errorf("%s: %q %v", what, res.body, res.header)
			}
		case 200:
			if res.header.Get("Etag") != current || !strings.Contains(res.body, `"title":"b"`) {
				t.Errorf("%s: %q %v", what, res.body, res.header)
			}
		case 409:
			if !strings.Contains(res.body, `"code":"aborted"`) || !strings.Contains(res.body, `"type":"todo.v1.Todo"`) {
				t.Errorf("%s: %s", what, res.body)
			}
		}
	}
	if res := do("PATCH", `{"title":"d"}`, "If-Match", "*"); res.status != 200 {
		t.Errorf("a change with If-Match: *: %d %s", res.status, res.body)
	}
	missing := s.do(t, "PATCH", "/api/todos/"+someID, `{"title":"d"}`, append([]string{"If-Match", "*"}, asJSON...)...)
	if missing.status != 404 {
		t.Errorf("a change of none with If-Match: *: %d %s", missing.status, missing.body)
	}
	etag := strings.Trim(do("GET", "").header.Get("Etag"), `"`)
	if res := s.do(t, "DELETE", path+"?etag="+etag, "", append([]string{"If-Match", `"` + etag + `"`}, asJSON...)...); res.status != 400 {
		t.Errorf("a deletion with two etags: %d %s", res.status, res.body)
	}
	if res := do("DELETE", "", "If-Match", `"`+etag+`"`); res.status != 200 || res.header.Get("Etag") != "" {
		t.Errorf("a deletion with the todo's etag: %d %v", res.status, res.header)
	}
	if list := s.do(t, "GET", "/api/todos", "", s.bearer("u")...); list.header.Get("Etag") != "" {
		t.Errorf("a list has the ETag %s", list.header.Get("Etag"))
	}
}
