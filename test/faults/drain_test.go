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
)

func TestTerminatedWithCallsInFlight(t *testing.T) {
	const each = 10
	r := newRow(t, "SIGTERM with calls in flight")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, startIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "64"})
	unlock := pgtest.LockTable(t, database, "todo")
	clients := map[string]todov1connect.TodoServiceClient{
		"Connect over HTTP/1.1":  todov1connect.NewTodoServiceClient(newClient(t, false), s.url),
		"Connect over HTTP/2":    todov1connect.NewTodoServiceClient(newClient(t, true), s.url),
		"gRPC over HTTP/2":       todov1connect.NewTodoServiceClient(newClient(t, true), s.url, connect.WithGRPC()),
		"gRPC-Web over HTTP/1.1": todov1connect.NewTodoServiceClient(newClient(t, false), s.url, connect.WithGRPCWeb()),
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
				info.RequestHeader().Set("Authorization", s.issuer.bearer(fmt.Sprint("drain-", name, n)))
				if _, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: canaryTitle}); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed++
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	pgtest.WaitForLocked(t, database, each*len(clients))
	mark := s.mark()
	s.signal(syscall.SIGTERM)
	s.await(t, mark, "draining")
	if a := call(t, newClient(t, false), http.MethodGet, s.url+"/livez", ""); a.status != 0 {
		// The listener is closed soon after; either is right until then.
		t.Logf("/livez while draining: %d", a.status)
	}
	unlock()
	calls.Wait()
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	rows := ask[int](t, session(t, database), `SELECT count(*) FROM todo`)

	r.Did("%d creates each by Connect on HTTP/1.1 and h2c, gRPC on h2c and gRPC-Web", each)
	r.None("not answered with success", failed)
	report.Same(r, "rows", rows, each*len(clients))
	report.Same(r, "exit code", s.State().ExitCode(), 0)
}
