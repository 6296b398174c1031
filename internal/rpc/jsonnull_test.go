package rpc

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestNullClearsTheFieldsOfAnUpdateThatATodoMayLack(t *testing.T) {
	t.Parallel()
	fields := (*todov1.UpdateTodoRequest)(nil).ProtoReflect().Descriptor().Fields()
	var cleared []string
	for i := range fields.Len() {
		field := fields.Get(i)
		for _, name := range slices.Compact([]string{field.JSONName(), field.TextName()}) {
			msg := new(todov1.UpdateTodoRequest)
			err := jsonCodec{}.Unmarshal([]byte(`{"`+name+`": null}`), msg)
			want := `invalid JSON: null at "` + name + `"; leave the field out, or give it a value`
			switch {
			case err != nil && err.Error() != want:
				t.Errorf("%s: %v, want %s", name, err, want)
			case err == nil && !msg.ProtoReflect().Has(field):
				t.Errorf("%s: null is ignored", name)
			case err == nil && name == field.TextName():
				cleared = append(cleared, name)
			}
		}
	}
	if diff := cmp.Diff([]string{"description", "due_date", "due_time", "due_time_zone", "priority", "tags", "position"}, cleared); diff != "" {
		t.Errorf("what null clears (-want +got):\n%s", diff)
	}
}

func TestNullClearsTheSameInAnOperation(t *testing.T) {
	t.Parallel()
	const cleared = `{"description":null,"dueDate":null,"dueTime":null,"dueTimeZone":null,"priority":null,"tags":null,"position":null}`
	update := new(todov1.UpdateTodoRequest)
	if err := (jsonCodec{}).Unmarshal([]byte(cleared), update); err != nil {
		t.Fatal(err)
	}
	want := &todov1.UpdateTodoRequest{
		Description: proto.String(""), DueDate: proto.String(""), DueTime: proto.String(""), DueTimeZone: proto.String(""),
		Priority: todov1.Priority_PRIORITY_UNSPECIFIED.Enum(), Tags: new(todov1.Tags), Position: proto.String(""),
	}
	if diff := cmp.Diff(want, update, protocmp.Transform()); diff != "" {
		t.Errorf("an update (-want +got):\n%s", diff)
	}
	apply := new(todov1.ApplyTodosRequest)
	body := `{"operations":[{"create":{"title":"null","tags":["n"]}},{"update":` + cleared + `},{"update":{"id":"n"}}],"atomic":true}`
	if err := (jsonCodec{}).Unmarshal([]byte(body), apply); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, apply.GetOperations()[1].GetUpdate(), protocmp.Transform()); diff != "" {
		t.Errorf("an operation (-want +got):\n%s", diff)
	}
	if got := apply.GetOperations()[2].GetUpdate(); got.Description != nil || got.Tags != nil {
		t.Errorf("another operation: %v", got)
	}
}

func TestNullIsRefusedElsewhere(t *testing.T) {
	t.Parallel()
	for body, msg := range map[string]proto.Message{
		`{"title":"a","description":null}`:                        new(todov1.CreateTodoRequest),
		`{"title":"a","dueDate":null}`:                            new(todov1.CreateTodoRequest),
		`{"requestId":null}`:                                      new(todov1.ApplyTodosRequest),
		`{"operations":null}`:                                     new(todov1.ApplyTodosRequest),
		`{"operations":[{"update":null}]}`:                        new(todov1.ApplyTodosRequest),
		`{"operations":[{"create":{"description":null}}]}`:        new(todov1.ApplyTodosRequest),
		`{"operations":[{"update":{"priority":null,"id":null}}]}`: new(todov1.ApplyTodosRequest),
		`{"search":null}`:                                         new(todov1.ListTodosRequest),
		`{"updatedSince":null}`:                                   new(todov1.ListTodosRequest),
		`{"id":null}`:                                             new(todov1.GetTodoRequest),
	} {
		if err := (jsonCodec{}).Unmarshal([]byte(body), msg); err == nil {
			t.Errorf("%s is read as %v", body, msg)
		} else {
			checkDecodeError(t, err)
		}
	}
}
