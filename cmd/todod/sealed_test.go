package main

import (
	"errors"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// reading has the RPCs that change nothing.
func reading() map[string]bool {
	return map[string]bool{"GetTodo": true, "ListTodos": true, "SyncTodos": true, "WatchTodos": true}
}

// retryOf returns when an error says that the call may be made again, in seconds, or 0.
func retryOf(err error) int64 {
	failed, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return 0
	}
	for _, detail := range failed.Details() {
		value, err := detail.Value()
		if retry, ok := value.(*errdetails.RetryInfo); ok && err == nil {
			return retry.GetRetryDelay().GetSeconds()
		}
	}
	return 0
}

// TestAUserWhoMovesIsToldSoOverEveryProtocol seals an account: while the user is leaving
// each RPC that writes is refused, and once they are gone each RPC is.
func TestAUserWhoMovesIsToldSoOverEveryProtocol(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database})
	eachWay(t, func(t *testing.T, way string) {
		user := "alice " + way
		client, ear := s.client(t, way, s.issuer.Token(user))
		alive := created(t, client, "hers")
		stream, first := startWatch(t, client, "")
		seal := func(sql string) { pgtest.Exec(t, database, strings.ReplaceAll(sql, "USER", "'"+user+"'")) }
		refused := func(sealed string, isRefused func(name string) bool) {
			eachRPC(t, func(rpc protoreflect.MethodDescriptor, req proto.Message) {
				name := string(rpc.Name())
				if id := idOf(rpc); id != nil {
					req = about(alive.GetId(), id, req)
				}
				switch err := call(t.Context(), client, rpc, req); {
				case !isRefused(name):
					if err != nil {
						t.Errorf("%s, %s: %v", sealed, name, err)
					}
				default:
					checkCode(t, sealed+", "+name, err, connect.CodeUnavailable)
					if retryOf(err) != 2 || !strings.Contains(err.Error(), "are being moved") {
						t.Errorf("%s, %s: %v, to be tried again after %d s", sealed, name, err, retryOf(err))
					}
					if name != "WatchTodos" && way == "REST" && !strings.Contains(string(ear.heard), "Retry-After: 2") {
						t.Errorf("%s, %s: there is no Retry-After in\n%s", sealed, name, ear.heard)
					}
				}
			})
		}
		seal("UPDATE todo_account SET sealed = 1, revision = revision + 1 WHERE user_id = USER")
		refused("leaving", func(name string) bool { return !reading()[name] })

		waited, upToDate := make(chan error, 1), synced(t, client, first.GetNextSyncToken()).GetNextSyncToken()
		waiting, _ := s.client(t, way, s.issuer.Token(user))
		go func() {
			_, err := waiting.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: upToDate, WaitSeconds: 25})
			waited <- err
		}()
		seal("DELETE FROM todo WHERE user_id = USER; UPDATE todo_account SET sealed = 3, revision = revision + 1 WHERE user_id = USER")
		refused("gone", func(string) bool { return true })
		checkCode(t, "a sync that waits", <-waited, connect.CodeUnavailable)
		for stream.Receive() {
			if n := len(stream.Msg().GetTodos()); n > 0 {
				t.Errorf("the stream tells of %d changes", n)
			}
		}
		checkCode(t, "the stream", stream.Err(), connect.CodeUnavailable)
		if retryOf(stream.Err()) != 2 {
			t.Errorf("the stream ends with %v", stream.Err())
		}
	})
	if res := s.do(t, "GET", "/readyz", ""); res.status != 200 {
		t.Errorf("/readyz: %d %s", res.status, res.body)
	}
	lines := s.logged(t)
	if n := strings.Count(lines, `"reason":"moving"`); n < 5*len(ways()) {
		t.Errorf("%d lines of the log have the reason moving", n)
	}
	for line := range strings.Lines(lines) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, `"level":"WARN"`) {
			t.Errorf("the log has %s", line)
		}
	}
}
