package main

import (
	"context"
	"testing"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestAPreflightWaitsForNobody takes the only connection to the database, and
// has a call wait for it, while a page asks whether it may call.
func TestAPreflightWaitsForNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database, "DATABASE_MAX_CONNS": "1"})
	unlock := pgtest.LockTable(t, database, "todo")
	client, _ := s.client(t, "Connect JSON", s.issuer.Token("u"))
	held := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, err := client.ListTodos(ctx, &todov1.ListTodosRequest{})
		held <- err
	}()
	pgtest.WaitForLocked(t, database, 1)
	res := s.do(t, "OPTIONS", "/api/todos", "", "Origin", testOrigin,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	select {
	case err := <-held:
		t.Errorf("the call that holds the connection ended before the preflight: %v", err)
	default:
	}
	if res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != testOrigin {
		t.Errorf("%d %v", res.status, res.header)
	}
	unlock()
	if err := <-held; err != nil {
		t.Errorf("the call that was held: %v", err)
	}
}

func TestNothingOfOperatorsIsOnThePublicPort(t *testing.T) {
	t.Parallel()
	s, _ := startMeasured(t, nil) // While operators have it elsewhere.
	for _, path := range []string{
		"/metrics", "/metrics/", "/api/metrics", "/debug", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap",
		"/debug/pprof/goroutine?debug=2", "/debug/pprof/profile?seconds=1", "/debug/pprof/cmdline", "/debug/vars",
		"/debug/requests", "/debug/events", "/actuator", "/admin", "/.env", "/.git/config", "/api/../metrics", "//metrics", "/livez/../metrics",
	} {
		for _, headers := range [][]string{nil, s.bearer("u")} {
			for _, method := range []string{"GET", "POST", "HEAD"} {
				if res := s.do(t, method, path, "", headers...); res.status != 404 {
					t.Errorf("%s %s: %d %s", method, path, res.status, res.body)
				}
			}
		}
	}
}
