package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// byID is every RPC that names a todo.
func byID() map[string]func(context.Context, todov1connect.TodoServiceClient, string) error {
	return map[string]func(context.Context, todov1connect.TodoServiceClient, string) error{
		"GetTodo": func(ctx context.Context, c todov1connect.TodoServiceClient, id string) error {
			_, err := c.GetTodo(ctx, &todov1.GetTodoRequest{Id: id})
			return err
		},
		"UpdateTodo": func(ctx context.Context, c todov1connect.TodoServiceClient, id string) error {
			_, err := c.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: id, Title: new("mine now")})
			return err
		},
		"DeleteTodo": func(ctx context.Context, c todov1connect.TodoServiceClient, id string) error {
			_, err := c.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: id})
			return err
		},
	}
}

func TestEveryRPCThatNamesATodoHasAnIsolationCase(t *testing.T) {
	t.Parallel()
	methods := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService").Methods()
	for i := range methods.Len() {
		method := methods.Get(i)
		_, covered := byID()[string(method.Name())]
		if method.Name() == "CreateTodo" {
			covered = true // By TestATakenIDIsAnsweredAlikeWhosesoeverItIs: its id names a todo to be.
		}
		if covered != (method.Input().Fields().ByName("id") != nil) {
			t.Errorf("%s: covered = %v", method.Name(), covered)
		}
	}
}

func TestAnothersTodoIsAnsweredLikeOneThatNeverWas(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const neverMade = "00000000-0000-4000-8000-000000000000"
	eachWay(t, func(t *testing.T, way string) {
		anna, _ := s.client(t, way, s.issuer.Token("anna "+way))
		berta, heard := s.client(t, way, s.issuer.Token("berta "+way))
		annas, err := anna.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "private"})
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range byID() {
			checkCode(t, name+" of another's", call(t.Context(), berta, annas.GetId()), connect.CodeNotFound)
			others := bytes.Clone(heard.heard)
			checkCode(t, name+" of none", call(t.Context(), berta, neverMade), connect.CodeNotFound)
			if diff := cmp.Diff(string(heard.heard), string(others)); diff != "" {
				t.Errorf("%s tells another's todo from none (-none +another's):\n%s", name, diff)
			}
			if bytes.Contains(others, []byte(annas.GetId())) || bytes.Contains(others, []byte("private")) {
				t.Errorf("%s of another's answers %s", name, others)
			}
		}

		list, err := berta.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil || len(list.GetTodos()) != 0 {
			t.Errorf("berta sees %v, %v", list, err)
		}
		still, err := anna.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: annas.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(annas, still, protocmp.Transform()); diff != "" {
			t.Errorf("anna's todo was changed (-before +after):\n%s", diff)
		}
	})
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		for name, token := range map[string]string{"no token": "", "no JWT": "abc", "another issuer's": s.issuer.Token("u") + "x"} {
			client, heard := s.client(t, way, token)
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, name, err, connect.CodeUnauthenticated)
			grpc := strings.HasPrefix(way, "gRPC")
			if challenge := strings.Contains(string(heard.heard), "Www-Authenticate: Bearer\r\n"); challenge == grpc {
				t.Errorf("%s: challenge = %v in %s", name, challenge, heard.heard)
			}
			for rpc, call := range byID() {
				checkCode(t, rpc+" with "+name, call(t.Context(), client, "no id, which nobody looks at"), connect.CodeUnauthenticated)
			}
			_, err = client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{})
			checkCode(t, "CreateTodo with "+name, err, connect.CodeUnauthenticated)
		}
	})
}
