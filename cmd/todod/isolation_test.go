package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// TestEveryRPCHasAnIsolationCase knows of those that name no todo that is there
// where else it is shown that they reach nobody else's.
func TestEveryRPCHasAnIsolationCase(t *testing.T) {
	t.Parallel()
	elsewhere := map[protoreflect.Name]string{
		"CreateTodo": "TestATakenIDIsAnsweredAlikeWhosesoeverItIs: its id names a todo to be",
		"ApplyTodos": "TestOperationsOnAnothersTodosAreAnsweredAsOnNone and TestAnothersRequestIDIsIndependent",
		"ListTodos":  "TestAnothersTodoIsAnsweredLikeOneThatNeverWas lists as well",
		"SyncTodos":  "the same test syncs as well",
		"EmptyTrash": "the same test empties the trash as well",
		"WatchTodos": "TestAWatchTellsOfOnesOwnChangesInEveryProcess: bob watches as well",
	}
	for _, rpc := range rpcs() {
		_, covered := elsewhere[rpc.Name()]
		if covered == (idOf(rpc) != nil) {
			t.Errorf("%s: has an id = %v, is covered elsewhere = %v", rpc.Name(), idOf(rpc) != nil, covered)
		}
	}
}

func TestAnothersTodoIsAnsweredLikeOneThatNeverWas(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		anna, annas, berta, heard := s.annaAndBerta(t, way)
		eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
			id := idOf(rpc)
			if id == nil {
				return
			}
			err := call(t.Context(), berta, rpc, about(annas.GetId(), id, sample))
			checkCode(t, fmt.Sprint(rpc.Name(), " of another's"), err, connect.CodeNotFound)
			others := bytes.Clone(heard.heard)
			err = call(t.Context(), berta, rpc, about(someID, id, sample))
			checkCode(t, fmt.Sprint(rpc.Name(), " of none"), err, connect.CodeNotFound)
			if diff := cmp.Diff(string(heard.heard), string(others)); diff != "" {
				t.Errorf("%s tells another's todo from none (-none +another's):\n%s", rpc.Name(), diff)
			}
			if bytes.Contains(others, []byte(annas.GetId())) || bytes.Contains(others, []byte("private")) {
				t.Errorf("%s of another's answers %s", rpc.Name(), others)
			}
		})

		list, err := berta.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil || len(list.GetTodos()) != 0 {
			t.Errorf("berta sees %v, %v", list, err)
		}
		synced, err := berta.SyncTodos(t.Context(), &todov1.SyncTodosRequest{})
		if err != nil || len(synced.GetTodos()) != 0 {
			t.Errorf("berta syncs %v, %v", synced, err)
		}
		hers, err := anna.SyncTodos(t.Context(), &todov1.SyncTodosRequest{})
		if err != nil || len(hers.GetTodos()) != 1 {
			t.Fatalf("anna syncs %v, %v", hers, err)
		}
		synced, err = berta.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: hers.GetNextSyncToken()})
		if err != nil || len(synced.GetTodos()) != 0 || !synced.GetReset_() {
			t.Errorf("berta syncs with anna's token: %v, %v", synced, err)
		}
		doomed, err := anna.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "in the trash"})
		if err == nil {
			_, err = anna.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: doomed.GetId()})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := berta.EmptyTrash(t.Context(), &todov1.EmptyTrashRequest{}); err != nil {
			t.Error(err)
		}
		_, err = berta.UndeleteTodo(t.Context(), &todov1.UndeleteTodoRequest{Id: doomed.GetId()})
		checkCode(t, "undelete of another's", err, connect.CodeNotFound)
		if trash, err := anna.ListTodos(t.Context(), &todov1.ListTodosRequest{Deleted: true}); err != nil || len(trash.GetTodos()) != 1 {
			t.Errorf("anna's trash has %v, %v", trash, err)
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
			eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
				if id := idOf(rpc); id != nil {
					sample = about("no id, which nobody looks at", id, sample)
				}
				err := call(t.Context(), client, rpc, sample)
				checkCode(t, fmt.Sprint(rpc.Name(), " with ", name), err, connect.CodeUnauthenticated)
				grpc := strings.HasPrefix(way, "gRPC")
				if challenge := strings.Contains(string(heard.heard), "Www-Authenticate: Bearer\r\n"); !rpc.IsStreamingServer() && challenge == grpc {
					t.Errorf("%s with %s: challenge = %v in %s", rpc.Name(), name, challenge, heard.heard)
				}
			})
			_, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{})
			checkCode(t, "a request that breaks a rule, with "+name, err, connect.CodeUnauthenticated)
		}
	})
}

// annaAndBerta returns two users' clients: Anna's with a todo of hers, and Berta's with
// what it hears.
func (s *service) annaAndBerta(t *testing.T, way string) (anna todov1connect.TodoServiceClient, annas *todov1.Todo, berta todov1connect.TodoServiceClient, heard *ear) {
	t.Helper()
	anna, _ = s.client(t, way, s.issuer.Token("anna "+way))
	berta, heard = s.client(t, way, s.issuer.Token("berta "+way))
	annas, err := anna.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "private"})
	if err != nil {
		t.Fatal(err)
	}
	return anna, annas, berta, heard
}
