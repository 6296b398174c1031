package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// untilLimited lists until a call is refused for its rate.
func untilLimited(t *testing.T, client todov1connect.TodoServiceClient) error {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; {
		_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if connect.CodeOf(err) == connect.CodeResourceExhausted {
			return err
		}
	}
	t.Fatal("no call is refused")
	return nil
}

func TestACallerAboveItsRateIsToldWhenToTryAgain(t *testing.T) {
	t.Parallel()
	// Without a database, to show that a refused call doesn't get there.
	s := start(t, map[string]string{"RATE_LIMIT_RPS": "1", "DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"})
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("fast over "+way))
		err := untilLimited(t, client)
		answer := strings.ToLower(string(heard.heard))
		if !strings.Contains(answer, "retry-after: 1\r\n") {
			t.Errorf("no Retry-After in %s", answer)
		}
		if status := strings.HasPrefix(answer, "429 "); status == strings.HasPrefix(way, "gRPC") {
			t.Errorf("the status of %s", answer)
		}
		if got := retryDelay(t, err); got != time.Second {
			t.Errorf("RetryInfo advises %v in %s", got, answer)
		}

		calm, _ := s.client(t, way, s.issuer.Token("calm over "+way))
		_, err = calm.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		checkCode(t, "another caller, who gets as far as the database", err, connect.CodeUnavailable)
	})
	line := s.logs.wait(t, func(line logLine) bool { return line["code"] == "resource_exhausted" }, nil)
	if line["level"] != "INFO" || !strings.HasPrefix(fmt.Sprint(line["user_id"]), "fast over ") {
		t.Errorf("logged as %v", line)
	}
}

// retryDelay returns the advice of an error's RetryInfo, 0 when it has none.
func retryDelay(t *testing.T, err error) time.Duration {
	t.Helper()
	failure, ok := errorsAs(err)
	if !ok {
		t.Fatalf("not a Connect error: %v", err)
	}
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			t.Fatal(err)
		}
		if info, ok := value.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func TestALimitCantBeEvadedAndHitsCallsAlone(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMIT_RPS": "1"})
	token := s.bearer("fast")
	limited := func(headers ...string) bool {
		for n := range 200 {
			sent := append(append(headers, token...), "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", n))
			if res := s.do(t, "GET", "/api/todos", "", sent...); res.status == 429 {
				return true
			}
		}
		return false
	}
	if !limited() || !limited("X-Real-Ip", "192.0.2.1") || !limited("Forwarded", "for=192.0.2.1") {
		t.Error("two hundred calls pass")
	}
	for range 20 {
		for _, path := range []string{"/livez", "/readyz", "/api/health", "/openapi.yaml"} {
			if res := s.do(t, "GET", path, "", token...); res.status != 200 {
				t.Errorf("%s: %d", path, res.status)
			}
		}
		preflight := s.do(t, "OPTIONS", "/api/todos", "", "Origin", testOrigin, "Access-Control-Request-Method", "POST")
		if preflight.status != 204 {
			t.Errorf("preflight: %d", preflight.status)
		}
	}
}
