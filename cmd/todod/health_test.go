package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"

	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestHealthWhenAllIsWell(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"BETTER_AUTH_URL": "http://" + closedAddr(t)}) // Keys don't count.
	for path, want := range map[string]string{
		"/livez":      `{"status":"ok"}`,
		"/readyz":     `{"status":"ok","database":"ok"}`,
		"/api/health": `{"status":"ok","database":"ok"}`,
	} {
		if res := s.do(t, "GET", path, ""); res.status != 200 || res.body != want {
			t.Errorf("%s: %d %s", path, res.status, res.body)
		}
		if res := s.do(t, "HEAD", path, ""); res.status != 200 || res.body != "" {
			t.Errorf("HEAD %s: %d %s", path, res.status, res.body)
		}
	}
	for _, name := range []string{"", "todo.v1.TodoService"} {
		if status := s.grpcHealth(t, name); status != "SERVING" {
			t.Errorf("grpc health of %q: %s", name, status)
		}
	}
	if status := s.grpcHealth(t, "other"); !strings.Contains(status, "not_found") {
		t.Errorf("grpc health of another service: %s", status)
	}
}

func TestHealthWhenTheDatabaseCantServe(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{
		"it is away":               "postgres://u:p@" + closedAddr(t) + "/todo",
		"it has no todo table yet": pgtest.NewEmptyDatabase(t),
		"the role has no rights":   withoutRights(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, map[string]string{"DATABASE_URL": database})
			if res := s.do(t, "GET", "/livez", ""); res.status != 200 {
				t.Errorf("/livez: %d %s", res.status, res.body)
			}
			for _, path := range []string{"/readyz", "/api/health"} {
				res := s.do(t, "GET", path, "")
				if res.status != 503 || res.body != `{"status":"unavailable","database":"unavailable"}` {
					t.Errorf("%s: %d %s", path, res.status, res.body)
				}
			}
			if status := s.grpcHealth(t, ""); status != "NOT_SERVING" {
				t.Errorf("grpc health: %s", status)
			}
			if res := s.do(t, "GET", "/api/todos", "", s.bearer("u")...); res.status != 503 || res.header.Get("Retry-After") == "" {
				t.Errorf("a list: %d %s", res.status, res.body)
			}
			if name == "the role has no rights" {
				s.logs.wait(t, func(line logLine) bool {
					cause, _ := line["cause"].(string)
					return line["level"] == "WARN" && strings.Contains(cause, "GRANT SELECT, INSERT, UPDATE, DELETE ON public.todo TO pg_monitor")
				}, s.done)
			}
		})
	}
}

// withoutRights returns the URL of a database for a role that may do nothing in
// it: one that every server has.
func withoutRights(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(pgtest.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("role", "pg_monitor")
	u.RawQuery = query.Encode()
	return u.String()
}

// grpcHealth asks grpc.health.v1.Health/Check, as JSON, which needs no client.
func (s *service) grpcHealth(t *testing.T, name string) string {
	t.Helper()
	res := s.do(t, "POST", "/grpc.health.v1.Health/Check", `{"service":"`+name+`"}`, "Content-Type", "application/json")
	status := strings.TrimPrefix(res.body, `{"status":"SERVING_STATUS_`)
	return strings.TrimSuffix(status, `"}`)
}

func TestReflectionListsTheServices(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	names, err := s.reflected(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 2 || names[0] != "todo.v1.TodoService" || names[1] != "grpc.health.v1.Health" {
		t.Errorf("services: %v", names)
	}
}

func TestReflectionCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"REFLECTION": "false"})
	if names, err := s.reflected(t); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("services: %v, %v", names, err)
	}
}

func (s *service) reflected(t *testing.T) ([]string, error) {
	t.Helper()
	stream := s.reflection(t)
	names, err := stream.ListServices()
	var listed []string
	for _, name := range names {
		if file, err := stream.FileContainingSymbol(name); err != nil || len(file) == 0 {
			t.Errorf("%s can't be described: %v", name, err)
		}
		listed = append(listed, string(name))
	}
	return listed, err
}

// reflection opens a reflection stream, over gRPC.
func (s *service) reflection(t *testing.T) *grpcreflect.ClientStream {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	stream := grpcreflect.NewClient(&http.Client{Transport: transport}, s.url, connect.WithGRPC()).NewStream(t.Context())
	t.Cleanup(func() { _, _ = stream.Close() })
	return stream
}
