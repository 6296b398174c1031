package main

import (
	"context"
	"reflect"
	"testing"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// someID is the id of a todo that was never made.
const someID = "00000000-0000-4000-8000-000000000000"

// sampleRequests has a request for each RPC that breaks no rule, by the RPC's
// name. Tests about all RPCs go through these.
func sampleRequests() map[string]proto.Message {
	return map[string]proto.Message{
		"CreateTodo":   &todov1.CreateTodoRequest{Title: "sample"},
		"GetTodo":      &todov1.GetTodoRequest{Id: someID},
		"ListTodos":    &todov1.ListTodosRequest{},
		"UpdateTodo":   &todov1.UpdateTodoRequest{Id: someID, Title: new("sample")},
		"DeleteTodo":   &todov1.DeleteTodoRequest{Id: someID},
		"UndeleteTodo": &todov1.UndeleteTodoRequest{Id: someID},
		"EmptyTrash":   &todov1.EmptyTrashRequest{},
		"SyncTodos":    &todov1.SyncTodosRequest{},
		"WatchTodos":   &todov1.WatchTodosRequest{},
		"ApplyTodos":   &todov1.ApplyTodosRequest{RequestId: someID, Operations: []*todov1.TodoOperation{deleting(&todov1.DeleteTodoRequest{Id: someID})}},
	}
}

// rpcs returns the descriptors of all RPCs.
func rpcs() []protoreflect.MethodDescriptor {
	methods := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService").Methods()
	list := make([]protoreflect.MethodDescriptor, methods.Len())
	for i := range list {
		list[i] = methods.Get(i)
	}
	return list
}

func TestEveryRPCHasASampleRequest(t *testing.T) {
	t.Parallel()
	samples := sampleRequests()
	for _, rpc := range rpcs() {
		sample, ok := samples[string(rpc.Name())]
		if !ok || sample.ProtoReflect().Descriptor() != rpc.Input() {
			t.Errorf("%s has no sample request: give it one", rpc.Name())
			continue
		}
		if err := protovalidate.Validate(sample); err != nil {
			t.Errorf("the sample of %s: %v", rpc.Name(), err)
		}
		delete(samples, string(rpc.Name()))
	}
	for name := range samples {
		t.Errorf("there is no RPC %s", name)
	}
}

// eachRPC calls a function with each RPC and a copy of its sample request.
func eachRPC(t *testing.T, do func(rpc protoreflect.MethodDescriptor, sample proto.Message)) {
	t.Helper()
	samples := sampleRequests()
	for _, rpc := range rpcs() {
		sample, ok := samples[string(rpc.Name())]
		if !ok {
			t.Fatalf("%s has no sample request", rpc.Name())
		}
		do(rpc, sample)
	}
}

// call makes a call of any RPC. Of a stream it reads the first message.
func call(ctx context.Context, client todov1connect.TodoServiceClient, rpc protoreflect.MethodDescriptor, req proto.Message) error {
	method := reflect.ValueOf(client).MethodByName(string(rpc.Name()))
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(req)})
	err, _ := reflect.TypeAssert[error](results[len(results)-1])
	if stream, ok := reflect.TypeAssert[*connect.ServerStreamForClient[todov1.WatchTodosResponse]](results[0]); ok && err == nil {
		if !stream.Receive() {
			err = stream.Err()
		}
		_ = stream.Close()
	}
	return err
}

// idOf returns the field that names a todo which has to be there, or nil when an
// RPC has none.
func idOf(rpc protoreflect.MethodDescriptor) protoreflect.FieldDescriptor {
	if id := rpc.Input().Fields().ByName("id"); id != nil && !id.HasPresence() {
		return id
	}
	return nil
}

// about returns a request, changed so that it is about a todo.
func about(id string, field protoreflect.FieldDescriptor, req proto.Message) proto.Message {
	req = proto.Clone(req)
	req.ProtoReflect().Set(field, protoreflect.ValueOfString(id))
	return req
}
