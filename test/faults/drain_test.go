//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestTerminatedWithCallsInFlight(t *testing.T) {
	const each = 10
	r := newRow(t, "SIGTERM with calls in flight")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "64"})
	unlock := pgtest.LockTable(t, database, "todo")
	clients := map[string]todov1connect.TodoServiceClient{
		"Connect over HTTP/1.1":  todov1connect.NewTodoServiceClient(stack.NewClient(t, false), s.URL),
		"Connect over HTTP/2":    todov1connect.NewTodoServiceClient(stack.NewClient(t, true), s.URL),
		"gRPC over HTTP/2":       todov1connect.NewTodoServiceClient(stack.NewClient(t, true), s.URL, connect.WithGRPC()),
		"gRPC-Web over HTTP/1.1": todov1connect.NewTodoServiceClient(stack.NewClient(t, false), s.URL, connect.WithGRPCWeb()),
	}
	var (
		calls  sync.WaitGroup
		mu     sync.Mutex
		failed int
	)
	for name, client := range clients {
		for n := range each {
			calls.Go(func() {
				ctx, info := connect.NewClientContext(t.Context())
				info.RequestHeader().Set("Authorization", s.Issuer.Bearer(fmt.Sprint("drain-", name, n)))
				if _, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: stack.CanaryTitle}); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed++
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	pgtest.WaitForLocked(t, database, each*len(clients))
	mark := s.Mark()
	s.Signal(syscall.SIGTERM)
	s.Await(t, mark, "draining")
	if a := stack.Call(t, stack.NewClient(t, false), http.MethodGet, s.URL+"/livez", ""); a.Status != 0 {
		// The listener is closed soon after; either is right until then.
		t.Logf("/livez while draining: %d", a.Status)
	}
	unlock()
	calls.Wait()
	select {
	case <-s.Done():
	case <-time.After(stack.Patience):
		t.Fatal("it does not end")
	}
	rows := stack.Ask[int](t, stack.Session(t, database), `SELECT count(*) FROM todo`)

	r.Did("%d creates each by Connect on HTTP/1.1 and h2c, gRPC on h2c and gRPC-Web", each)
	r.None("not answered with success", failed)
	report.Same(r, "rows", rows, each*len(clients))
	report.Same(r, "exit code", s.State().ExitCode(), 0)
}
