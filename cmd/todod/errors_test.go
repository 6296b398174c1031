package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/server"
)

func errorsAs(err error) (*connect.Error, bool) { return errors.AsType[*connect.Error](err) }

// checkUnavailable checks that a call fails with unavailable, an advice when
// to try again, and no cause.
func checkUnavailable(t *testing.T, err error) {
	t.Helper()
	checkCode(t, "call", err, connect.CodeUnavailable)
	failure, ok := errorsAs(err)
	if !ok {
		return
	}
	for _, cause := range []string{"dial", "connect", "pgx", "SQLSTATE", "jwks", "http", "127.0.0.1"} {
		if strings.Contains(failure.Message(), cause) {
			t.Errorf("the message tells %q: %s", cause, failure.Message())
		}
	}
}

func TestWithoutADatabaseCallsAreUnavailable(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": "postgres://u:canary@" + closedAddr(t) + "/todo"})
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("u"))
		eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
			checkUnavailable(t, call(t.Context(), client, rpc, sample))
			if !rpc.IsStreamingServer() && !strings.Contains(strings.ToLower(string(heard.heard)), "retry-after: 1") {
				t.Errorf("%s: no Retry-After in %s", rpc.Name(), heard.heard)
			}
		})
	})
	if strings.Contains(s.logged(t), "canary") {
		t.Error("the log has the database's password")
	}
}

func TestWithoutKeysCallsAreUnavailable(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"BETTER_AUTH_URL": "http://" + closedAddr(t)})
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("u"))
		eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
			checkUnavailable(t, call(t.Context(), client, rpc, sample))
		})
	})
}

func TestACallThatOutlastsItsDeadlineEndsThere(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database})
	pgtest.LockTable(t, database, "todo")
	eachWay(t, func(t *testing.T, way string) {
		if way == "REST" {
			t.Skip("REST has no deadline of the caller's; the service's own is the same code")
		}
		client, _ := s.client(t, way, s.issuer.Token("u"))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := client.ListTodos(ctx, &todov1.ListTodosRequest{})
		checkCode(t, "list of a locked table", err, connect.CodeDeadlineExceeded)
	})
}

// TestACallOutlastsItsStatement so that a database that is too slow means unavailable. The
// statement has time to end, its transaction to roll back, and that to end.
func TestACallOutlastsItsStatement(t *testing.T) {
	t.Parallel()
	b := database.UsualBounds()
	if longest := b.Alone + 3*b.Cancel; longest >= server.CallTimeout {
		t.Errorf("a statement may take %v, of %v that a call has", longest, server.CallTimeout)
	}
}

func TestADefectIsInternalAndItsCauseStaysInTheLog(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	pgtest.Exec(t, database, "ALTER TABLE todo RENAME COLUMN title TO canary_column")
	s := start(t, map[string]string{"DATABASE_URL": database})
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("u"))
		_, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		checkCode(t, "create", err, connect.CodeInternal)
		for _, cause := range []string{"title", "column", "SQL", "pgconn", "42703"} {
			if strings.Contains(string(heard.heard), cause) {
				t.Errorf("the answer tells %q: %s", cause, heard.heard)
			}
		}
	})
	if log := s.logged(t); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "42703") {
		t.Errorf("the log lacks the cause:\n%s", log)
	}
}

// TestMessagesAreShownAsTheyAre looks at answers as curl and grpcurl print them.
func TestMessagesAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const message = "a valid access token is needed: Authorization: Bearer <token>"
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, "")
		_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		checkCode(t, "list", err, connect.CodeUnauthenticated)
		if failure, ok := errorsAs(err); !ok || failure.Message() != message {
			t.Errorf("the message is read as %v", err)
		}
		if way != "gRPC" && !strings.Contains(string(heard.heard), message) { // There it is in a header.
			t.Errorf("the message is not in\n%s", heard.heard)
		}
	})
}

func TestAMessageBeyondTheBoundIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("u"))
		_, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: strings.Repeat("a", 70_000)})
		checkCode(t, "create", err, connect.CodeResourceExhausted)
		if strings.Contains(strings.ToLower(string(heard.heard)), "retry-after") {
			t.Errorf("it advises to try again: %s", heard.heard)
		}
	})
}

func TestTheBoundOfAMessageIsExact(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const bound = 65536
	for _, path := range []string{"/api/todos", "/todo.v1.TodoService/CreateTodo"} {
		for size, want := range map[int]int{bound: 200, bound + 1: 429, 10 * bound: 429} {
			body := `{"title":"a"}` + strings.Repeat(" ", size-len(`{"title":"a"}`))
			res := s.do(t, "POST", path, body, append(s.bearer("u"), "Content-Type", "application/json")...)
			if res.status != want {
				t.Errorf("%d bytes to %s: %d %s", size, path, res.status, res.body)
			}
		}
	}
}

// closedAddr returns an address where nobody listens.
func closedAddr(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
