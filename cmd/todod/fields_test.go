package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// fullCreate and fullUpdate name every field that can be sent, with values that
// are kept as they are, but for the etag. They have none in common.
func fullCreate() *todov1.CreateTodoRequest {
	return &todov1.CreateTodoRequest{Title: "created", Description: new("created so")}
}

func fullUpdate(id, etag string) *todov1.UpdateTodoRequest {
	return &todov1.UpdateTodoRequest{Id: id, Etag: &etag, Title: new("updated"), Description: new("updated so"), IsCompleted: new(true)}
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
		if !sent.Has(field) && field.Name() != "id" { // It may be the service's choice.
			t.Errorf("this test leaves %s out", field.FullName())
		}
		same := kept.Descriptor().Fields().ByName(field.Name())
		if same == nil || !sent.Has(field) || field.Name() == "etag" {
			continue
		}
		if want, has := sent.Get(field), kept.Get(same); !want.Equal(has) {
			t.Errorf("%s is %v, was sent as %v", same.FullName(), has, want)
		}
	}
}
