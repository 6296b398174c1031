//go:build linux

package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestCallerGone(t *testing.T) {
	const callers, statement = 10, "4s"
	r := newRow(t, "caller gone during a slow statement")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	slowWrites(t, database, statement)
	admin := stack.Session(t, database)
	busy := func(condition string) int {
		return stack.Ask[int](t, admin, `
			SELECT count(*)
			FROM   pg_stat_activity
			WHERE  datname = current_database() AND state = 'active' AND query LIKE '%INSERT%' AND pid <> pg_backend_pid()
			  AND  `+condition)
	}
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		client := stack.NewClient(t, protocol == "HTTP/2")
		r.Try(func(r *report.Row) {
			ctx, leave := context.WithCancel(t.Context())
			for caller := range callers {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/todos", strings.NewReader(`{"title":"t"}`))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", s.Issuer.Bearer(fmt.Sprint("u", caller)))
				req.Header.Set("Content-Type", stack.ContentTypeJSON)
				go stack.Send(client, req)
			}
			// Not merely active: PostgreSQL loses a cancel request that comes
			// between the preparing of a statement and its execution.
			stack.Eventually(t, "all are in the statement", func() bool { return busy("wait_event = 'PgSleep'") == callers })
			leave()
			// One whose cancel request comes late sleeps on, and its connection is given up.
			idle := stack.Eventually(t, "the backends are idle", func() bool { return busy("true") == 0 })
			report.AtMost(r, protocol+": backends idle within", idle, time.Second)
		})
	}
	r.Did("%d callers over HTTP/1.1 and %d over HTTP/2 left in the middle of a statement of %s", callers, callers, statement)
}

func TestTimeoutsThatCallersAskFor(t *testing.T) {
	r := newRow(t, "timeouts that callers ask for")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	slowWrites(t, database, "30s")
	client, client2 := stack.NewClient(t, false), stack.NewClient(t, true)
	grpcMessage := "\x00\x00\x00\x00\x03\x0a\x01t" // CreateTodoRequest{title: "t"}

	type outcome struct {
		asked, got string
		took       time.Duration
		good       bool
	}
	// Who asks for no timeout, or for a long one, gets what the statement's own bound means.
	isLong := func(timeout string) bool { return timeout == "" || strings.HasPrefix(timeout, "9999") }
	outcomes := make(chan outcome)
	asked := 0
	for _, value := range []string{"1", "0", "-1", "99999999999", "9999999999", "abc", "1.5", "1e3", ""} {
		asked++
		go func() {
			a := stack.Call(t, client, http.MethodPost, s.URL+"/todo.v1.TodoService/CreateTodo", `{"title":"t"}`,
				"Authorization", s.Issuer.Bearer("u"), "Content-Type", stack.ContentTypeJSON, "Connect-Timeout-Ms", value)
			status, code := http.StatusGatewayTimeout, "deadline_exceeded"
			if isLong(value) {
				status, code = http.StatusServiceUnavailable, "unavailable"
			}
			outcomes <- outcome{
				"connect-timeout-ms " + value, fmt.Sprint(a.Status, " ", a.Body), a.Took,
				a.Status == status && strings.Contains(a.Body, code) || a.Status == http.StatusBadRequest,
			}
		}()
	}
	for _, value := range []string{"1m", "0m", "-1m", "99999999H", "999999999H", "abc", "1", "m", "1.5S", ""} {
		asked++
		go func() {
			a := stack.Call(t, client2, http.MethodPost, s.URL+"/todo.v1.TodoService/CreateTodo", grpcMessage,
				"Authorization", s.Issuer.Bearer("u"), "Content-Type", "application/grpc", "Te", "trailers", "Grpc-Timeout", value)
			want, code := "4", a.Header.Get("Grpc-Status")+a.Trailer.Get("Grpc-Status")
			if isLong(value) {
				want = "14"
			}
			outcomes <- outcome{
				"grpc-timeout " + value, fmt.Sprint("grpc-status ", code, " ", a.Status), a.Took,
				code == want || code == "3" || a.Status == http.StatusBadRequest,
			}
		}()
	}
	wrong := 0
	var slowest time.Duration
	for range asked {
		o := <-outcomes
		slowest = max(slowest, o.took)
		if !o.good {
			wrong++
			t.Errorf("%s: %s after %v", o.asked, o.got, report.Rounded(o.took))
		}
	}
	r.Did("asked for 1 ms, 0, -1, huge and garbage, in %d spellings, of a 30 s statement", asked)
	r.None("neither refused as invalid nor deadline_exceeded, or unavailable for a long one", wrong)
	report.AtMost(r, "slowest", slowest, callBound+machineSlack)
}
