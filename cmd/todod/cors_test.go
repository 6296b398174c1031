package main

import (
	"strings"
	"testing"
)

func TestAPreflightNeedsNoTokenAndNoDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"})
	for method, path := range map[string]string{
		"POST":   "/todo.v1.TodoService/CreateTodo",
		"GET":    "/todo.v1.TodoService/GetTodo",
		"PATCH":  "/api/todos/" + someID,
		"DELETE": "/api/todos/" + someID,
	} {
		const headers = "authorization,connect-protocol-version,connect-timeout-ms,content-type,grpc-timeout,x-grpc-web,x-request-id,x-user-agent"
		res := s.do(t, "OPTIONS", path, "",
			"Origin", testOrigin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
		if res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != testOrigin ||
			res.header.Get("Access-Control-Allow-Methods") != method || res.header.Get("Access-Control-Allow-Headers") != headers {
			t.Errorf("preflight of %s: %d %v", method, res.status, res.header)
		}
	}
}

func TestAPageCanReadAnswersAndErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, res := range map[string]*response{
		"an answer":       s.do(t, "GET", "/api/todos", "", append(s.bearer("u"), "Origin", testOrigin)...),
		"a refusal":       s.do(t, "GET", "/api/todos", "", "Origin", testOrigin),
		"an unknown path": s.do(t, "GET", "/nothing", "", "Origin", testOrigin),
	} {
		exposed := strings.ToLower(res.header.Get("Access-Control-Expose-Headers"))
		for _, header := range []string{"grpc-status", "grpc-message", "grpc-status-details-bin", "www-authenticate", "retry-after", "x-request-id"} {
			if !strings.Contains(exposed, header) {
				t.Errorf("%s: %s is not exposed: %q", name, header, exposed)
			}
		}
		if res.header.Get("Access-Control-Allow-Origin") != testOrigin || !strings.Contains(res.header.Get("Vary"), "Origin") {
			t.Errorf("%s: %v", name, res.header)
		}
	}
}

func TestOtherOriginsGetNoCORSHeader(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, origin := range []string{
		"null", "https://app.example.com.evil.com", "https://evil-app.example.com", "http://app.example.com",
		"https://app.example.com:8443", "https://app.example.com.", "https://example.com", "https://APP.example.com", "*",
	} {
		for _, res := range []*response{
			s.do(t, "GET", "/api/todos", "", append(s.bearer("u"), "Origin", origin)...),
			s.do(t, "OPTIONS", "/api/todos", "", "Origin", origin, "Access-Control-Request-Method", "POST"),
		} {
			for name := range res.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%q gets %s: %v", origin, name, res.header[name])
				}
			}
		}
	}
}
