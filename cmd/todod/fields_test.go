package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// fullCreate and fullUpdate name every field that can be sent, with values that
// are kept as they are, but for the etag. They have none in common.
func fullCreate() *todov1.CreateTodoRequest {
	return &todov1.CreateTodoRequest{
		Title: "created", Description: new("created so"),
		DueDate: new("2026-12-01"), DueTime: new("09:00"), DueTimeZone: new("Europe/Berlin"),
		Priority: todov1.Priority_PRIORITY_LOW.Enum(), Tags: []string{"created", "so"}, Position: new("a0"),
	}
}

func fullUpdate(id, etag string) *todov1.UpdateTodoRequest {
	return &todov1.UpdateTodoRequest{
		Id: id, Etag: &etag, Title: new("updated"), Description: new("updated so"), IsCompleted: new(true),
		DueDate: new("2027-01-02"), DueTime: new("10:30"), DueTimeZone: new("America/New_York"),
		Priority: todov1.Priority_PRIORITY_HIGH.Enum(), Tags: &todov1.Tags{Values: []string{"kept", "updated"}}, Position: new("Zz"),
	}
}

// elsewhere returns why a field is in neither of the two.
func elsewhere(field protoreflect.Name) string {
	switch field {
	case "id":
		return "it may be the service's choice"
	case "add_tags", "remove_tags":
		return "they exclude tags, and have a test of their own"
	}
	return ""
}

// TestEveryFieldThatIsSentIsKept fails for a field that a request has come to
// have, until it is in fullCreate and fullUpdate, and kept.
func TestEveryFieldThatIsSentIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("fields over "+way))
		created, err := client.CreateTodo(t.Context(), fullCreate())
		if err != nil {
			t.Fatal(err)
		}
		checkKept(t, fullCreate(), created)
		updated, err := client.UpdateTodo(t.Context(), fullUpdate(created.GetId(), created.GetEtag()))
		if err != nil {
			t.Fatal(err)
		}
		checkKept(t, fullUpdate(created.GetId(), created.GetEtag()), updated)
		got, err := client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: created.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(updated, got, protocmp.Transform()); diff != "" {
			t.Errorf("read (-updated +read):\n%s", diff)
		}
		page, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*todov1.Todo{updated}, page.GetTodos(), protocmp.Transform()); diff != "" {
			t.Errorf("listed (-updated +listed):\n%s", diff)
		}
	})
}

// checkKept checks that a request names all of its fields, and that the todo has
// those of the same name as they were sent.
func checkKept(t *testing.T, req proto.Message, got *todov1.Todo) {
	t.Helper()
	sent, kept := req.ProtoReflect(), got.ProtoReflect()
	for i := range sent.Descriptor().Fields().Len() {
		field := sent.Descriptor().Fields().Get(i)
		if !sent.Has(field) && elsewhere(field.Name()) == "" {
			t.Errorf("this test leaves %s out", field.FullName())
		}
		same := kept.Descriptor().Fields().ByName(field.Name())
		if same == nil || !sent.Has(field) || field.Name() == "etag" {
			continue
		}
		want, has := sent.Get(field), kept.Get(same)
		if field.Message() != nil { // Tags, whose values the todo has.
			want = want.Message().Get(field.Message().Fields().Get(0))
		}
		if !want.Equal(has) {
			t.Errorf("%s is %v, was sent as %v", same.FullName(), has, want)
		}
	}
}

// TestFieldsAreClearedOverEveryProtocol clears what a todo may lack, and adds and removes
// tags.
func TestFieldsAreClearedOverEveryProtocol(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("clearing over "+way))
		created, err := client.CreateTodo(t.Context(), fullCreate())
		if err != nil {
			t.Fatal(err)
		}
		tagged, err := client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), AddTags: []string{"more", "SO"}, RemoveTags: []string{"CREATED"}})
		if diff := cmp.Diff([]string{"more", "so"}, tagged.GetTags()); err != nil || diff != "" {
			t.Errorf("tags: %v (-want +got):\n%s", err, diff)
		}
		for _, step := range []struct {
			req  *todov1.UpdateTodoRequest
			gone []string // By the names of the fields, with those of before.
		}{
			{&todov1.UpdateTodoRequest{DueTimeZone: new("")}, []string{"due_time_zone"}},
			{&todov1.UpdateTodoRequest{DueTimeZone: new("UTC")}, nil},
			{&todov1.UpdateTodoRequest{DueTime: new("")}, []string{"due_time", "due_time_zone"}},
			{&todov1.UpdateTodoRequest{DueTime: new("09:00"), DueTimeZone: new("UTC")}, nil},
			{&todov1.UpdateTodoRequest{DueDate: new("")}, []string{"due_date", "due_time", "due_time_zone"}},
			{&todov1.UpdateTodoRequest{Priority: new(todov1.Priority_PRIORITY_UNSPECIFIED)}, []string{"due_date", "due_time", "due_time_zone", "priority"}},
			{&todov1.UpdateTodoRequest{Tags: new(todov1.Tags)}, []string{"due_date", "due_time", "due_time_zone", "priority", "tags"}},
			{&todov1.UpdateTodoRequest{Description: new("")}, []string{"description", "due_date", "due_time", "due_time_zone", "priority", "tags"}},
		} {
			step.req.Id = created.GetId()
			got, err := client.UpdateTodo(t.Context(), step.req)
			if err != nil {
				t.Fatal(step.req, err)
			}
			var gone []string
			for _, name := range []protoreflect.Name{"description", "due_date", "due_time", "due_time_zone", "priority", "tags"} {
				if todo := got.ProtoReflect(); !todo.Has(todo.Descriptor().Fields().ByName(name)) {
					gone = append(gone, string(name))
				}
			}
			if diff := cmp.Diff(step.gone, gone); diff != "" {
				t.Errorf("after %v (-want +got):\n%s", step.req, diff)
			}
		}
		got, err := client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), Position: new("")})
		if err != nil || got.GetPosition() != derivedPosition(created) {
			t.Errorf("the position is %q, %v, want %q", got.GetPosition(), err, derivedPosition(created))
		}
	})
}

func TestNullClearsOverRESTAndConnectJSON(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for way, call := range map[string]func(id string) (verb, path string){
		"REST":         func(id string) (verb, path string) { return "PATCH", "/api/todos/" + id },
		"Connect JSON": func(string) (verb, path string) { return "POST", "/todo.v1.TodoService/UpdateTodo" },
	} {
		client, _ := s.client(t, "gRPC", s.issuer.Token("null"))
		created, err := client.CreateTodo(t.Context(), fullCreate())
		if err != nil {
			t.Fatal(err)
		}
		verb, path := call(created.GetId())
		id := `"id":"` + created.GetId() + `",`
		if way == "REST" {
			id = ""
		}
		send := func(members string) *response {
			return s.do(t, verb, path, "{"+id+members+"}", append(s.bearer("null"), "Content-Type", "application/json")...)
		}
		if res := send(`"description":null,"dueDate":null,"priority":null,"tags":null,"position":null`); res.status != 200 {
			t.Errorf("%s: %d %s", way, res.status, res.body)
		}
		got, err := client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: created.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		want := &todov1.Todo{
			Id: created.GetId(), Title: "created", CreatedAt: created.GetCreatedAt(), UpdatedAt: got.GetUpdatedAt(), Etag: got.Etag,
			Position: new(derivedPosition(created)),
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
		for _, members := range []string{`"title":null`, `"isCompleted":null`, `"description":null,"addTags":null`, `"priority":null,"etag":null`} {
			if res := send(members); res.status != 400 || !strings.Contains(res.body, "invalid JSON: null at ") {
				t.Errorf("%s: %s: %d %s", way, members, res.status, res.body)
			}
		}
	}
}
