//go:build !race

// The race detector has sync.Pool lose things at random, which are allocated
// again.

package rpc

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// TestAGetTakesFewAllocations counts those of a whole request over Connect, apart
// from the database and net/http, with the 4 that make the request. It notices
// what slips in. Eight fewer were possible, for 1 % of a call's CPU time; that was
// not worth the code.
func TestAGetTakesFewAllocations(t *testing.T) { //nolint:paralleltest // All the process allocates is counted.
	const most = 48
	handler, authorization := newInstantHandler(t)
	body, err := proto.Marshal(&todov1.GetTodoRequest{Id: "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"})
	if err != nil {
		t.Fatal(err)
	}
	get := way{
		verb: http.MethodPost, path: todov1connect.TodoServiceGetTodoProcedure,
		contentType: "application/proto", body: body,
	}
	if got := testing.AllocsPerRun(1000, get.server(t, handler, authorization)); got > most {
		t.Errorf("%v allocations, want at most %d", got, most)
	}
}
