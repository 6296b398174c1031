package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// refusals are answers that no RPC gives: each has the one JSON shape.
func TestARefusalAtAnyDepthHasOneShapeAndOneLogLine(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	token := s.bearer("u")
	asJSON := append(token, "Content-Type", "application/json")
	get := "/todo.v1.TodoService/GetTodo?"
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"unknown path", "GET", "/", "", nil, 404, "not_found"},
		{"metrics", "GET", "/metrics", "", nil, 404, "not_found"},
		{"pprof", "GET", "/debug/pprof/", "", nil, 404, "not_found"},
		{"unknown REST path", "GET", "/api/other", "", token, 404, "not_found"},
		{"REST path with a slash at the end", "GET", "/api/todos/", "", token, 404, "not_found"},
		{"REST path with two slashes", "GET", "/api//todos", "", token, 404, "not_found"},
		{"unknown RPC", "POST", "/todo.v1.TodoService/Other", "{}", asJSON, 404, "not_found"},
		{"verb that REST doesn't serve", "PUT", "/api/todos", "", token, 405, "unimplemented"},
		{"verb that health doesn't serve", "POST", "/api/health", "", nil, 405, "unimplemented"},
		{"verb that an RPC doesn't serve", "GET", "/todo.v1.TodoService/CreateTodo", "", token, 405, "unimplemented"},
		{"REST without content type", "POST", "/api/todos", "{}", token, 415, "invalid_argument"},
		{"REST in another content type", "POST", "/api/todos", "a=b", append(token, "Content-Type", "application/x-www-form-urlencoded"), 415, "invalid_argument"},
		{"RPC in another content type", "POST", "/todo.v1.TodoService/GetTodo", "{}", append(token, "Content-Type", "text/plain"), 415, "invalid_argument"},
		{"RPC in another charset", "POST", "/todo.v1.TodoService/GetTodo", "{}", append(token, "Content-Type", "application/json; charset=utf-16"), 415, "invalid_argument"},
		{"RPC in an unknown compression", "POST", "/todo.v1.TodoService/GetTodo", "{}", append(asJSON, "Content-Encoding", "br"), 501, "unimplemented"},
		{"malformed JSON", "POST", "/api/todos", `{"title":`, asJSON, 400, "invalid_argument"},
		{"an empty body", "POST", "/todo.v1.TodoService/CreateTodo", "", asJSON, 400, "invalid_argument"},
		{"null", "PATCH", "/api/todos/" + someID, `{"title":null}`, asJSON, 400, "invalid_argument"},
		{"a body on GET", "GET", "/api/todos", "{}", asJSON, 400, "invalid_argument"},
		{"an unknown query parameter", "GET", "/api/todos?size=1", "", token, 400, "invalid_argument"},
		{"no token", "GET", "/api/todos", "", nil, 401, "unauthenticated"},
		{"a token in the query", "GET", "/api/todos?access_token=" + url.QueryEscape(token[1]), "", nil, 401, "unauthenticated"},
		{"a token in a cookie", "GET", "/api/todos", "", []string{"Cookie", "Authorization=" + token[1]}, 401, "unauthenticated"},
		{"two tokens", "GET", "/api/todos", "", append(token, token...), 401, "unauthenticated"},
		{"Connect GET without encoding", "GET", get + "message={}", "", token, 400, "invalid_argument"},
		{"Connect GET in an unknown encoding", "GET", get + "encoding=xml&message={}", "", token, 400, "invalid_argument"},
		{"Connect GET without message", "GET", get + "encoding=json", "", token, 400, "invalid_argument"},
		{"Connect GET in broken base64", "GET", get + "encoding=json&base64=1&message=*", "", token, 400, "invalid_argument"},
		{"Connect GET in broken percent-encoding", "GET", get + "encoding=json&message=%zz", "", token, 400, "invalid_argument"},
		{"a timeout that is no number", "POST", "/todo.v1.TodoService/ListTodos", "{}", append(asJSON, "Connect-Timeout-Ms", "soon"), 400, "invalid_argument"},
		{"a negative timeout", "POST", "/todo.v1.TodoService/ListTodos", "{}", append(asJSON, "Connect-Timeout-Ms", "-1"), 400, "invalid_argument"},
		{"a timeout of 0", "POST", "/todo.v1.TodoService/ListTodos", "{}", append(asJSON, "Connect-Timeout-Ms", "0"), 504, "deadline_exceeded"},
		{"reflection over HTTP/1.1", "POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "", []string{"Content-Type", "application/grpc-web"}, 200, ""},
	} {
		res := s.do(t, test.method, test.path, test.body, test.headers...)
		if res.status != test.status {
			t.Errorf("%s: %d %s, want %d", test.name, res.status, res.body, test.status)
			continue
		}
		if test.code == "" {
			continue
		}
		var wire struct{ Code, Message string }
		if err := json.Unmarshal([]byte(res.body), &wire); err != nil || wire.Code != test.code || wire.Message == "" {
			t.Errorf("%s: %s, want the code %s and a message", test.name, res.body, test.code)
		}
		if got := res.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", test.name, got)
		}
		if res.header.Get("Cache-Control") != "no-store" || res.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", test.name, res.header)
		}
		if test.status == http.StatusMethodNotAllowed && res.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow header", test.name)
		}
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		if line["code"] != test.code || line["status"] != float64(test.status) {
			t.Errorf("%s: logged as %v", test.name, line)
		}
	}
}

func TestAnUnknownRPCHasAGRPCStatus(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res := s.do(t, "POST", "/todo.v1.TodoService/Other", "", "Content-Type", "application/grpc-web+proto")
	if res.status != 200 || res.header.Get("Grpc-Status") != "12" {
		t.Errorf("%d %v", res.status, res.header)
	}
}

func TestContentTypesInEverySpelling(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for contentType, want := range map[string]int{
		"application/json":                       200,
		"Application/JSON":                       200,
		"application/json;charset=utf-8":         200,
		"application/json; charset=UTF-8":        200,
		`application/json; charset="utf-8"`:      200,
		" application/json ":                     200,
		"application/json;":                      200,
		"application/json; charset=latin1":       415,
		"application/json; charset=utf-8; a=b":   415,
		"application/json; v=2":                  415,
		"application/json, application/json":     415,
		"application/jsonp":                      415,
		"application/ld+json":                    415,
		"text/json":                              415,
		"text/plain":                             415,
		"multipart/form-data; boundary=x":        415,
		"application":                            415,
		"/":                                      415,
		"*/*":                                    415,
		"application/json; charset":              415,
		"application/connect+json":               415,
		"application/grpc+thrift":                415,
		"application/json\\":                     415,
		"json":                                   415,
		"application/json; charset=utf-8; q=0.5": 415,
	} {
		for _, path := range []string{"/api/todos", "/todo.v1.TodoService/CreateTodo"} {
			res := s.do(t, "POST", path, `{"title":"a"}`, append(s.bearer("u"), "Content-Type", contentType)...)
			if res.status != want {
				t.Errorf("%q to %s: %d %s, want %d", contentType, path, res.status, strings.TrimSpace(res.body), want)
			}
		}
	}
}

// TestGRPCsContentTypesHaveOneSpelling has spellings that mime takes for gRPC's.
// The bounds of bodies and the shape of answers go by the exact type.
func TestGRPCsContentTypesHaveOneSpelling(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, mediaType := range []string{
		"application/grpc", "application/grpc+proto", "application/grpc+json",
		"application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json",
	} {
		for _, rest := range []string{";", " ;", ";;", "; a=b", "; charset=utf-8"} {
			for _, path := range []string{"/todo.v1.TodoService/CreateTodo", "/grpc.health.v1.Health/Check"} {
				res := s.do(t, "POST", path, frame(0, 0, nil), append(s.bearer("u"), "Content-Type", mediaType+rest)...)
				if res.status != 415 || !strings.HasPrefix(res.body, `{"code":"invalid_argument","message":"Content-Type must be one of `) {
					t.Errorf("%q to %s: %d %q", mediaType+rest, path, res.status, res.body)
				}
			}
		}
	}
}
