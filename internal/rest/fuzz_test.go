package rest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// FuzzTranscode sends requests to the todo service. None may panic or end in a
// 5xx, and the message that the RPC handler reads must be valid JSON exactly
// when the request's body was.
func FuzzTranscode(f *testing.F) {
	for _, seed := range []struct{ verb, path, query, body string }{
		{"GET", "/api/todos", "pageSize=7&page_token=a%22&isCompleted=true", ""},
		{"GET", "/api/todos", "pageSize=99999999999&&pageSize;=%zz", ""},
		{"GET", "/api/todos", "allTags=a&search=b&allTags=%5D&priorities=PRIORITY_HIGH&updatedSince=2026-11-23T10:15:30Z", ""},
		{"GET", "/api/todos/0b6b5a1e-3f0c-4a57-9f0e-6d1f3b2a9c11", "", ""},
		{"HEAD", "/api/todos/a%2Fb%00%22", "id=b", ""},
		{"GET", "/api/todos/%FF", "", "{}"},
		{"POST", "/api/todos", "", `{"title":"x","description":"é"}`},
		{"POST", "/api//todos/../", "", `[]`},
		{"PATCH", "/api/todos/A", "", ` {"title":"x","isCompleted":true} `},
		{"PATCH", "/api/todos/A", "", "\n{\t} "},
		{"PATCH", "/api/todos/A", "", `{"id":"B"}`},
		{"PATCH", "/api/todos/A", "", `{`},
		{"PATCH", "/api/todos/A", "", ``},
		{"PATCH", "/api/todos/A", "x=y", `null`},
		{"DELETE", "/api/todos/A", "", ""},
		{"POST", "/api/todos/A:undelete", "", "{}"},
		{"POST", "/api/todos:emptyTrash", "", ""},
		{"GET", "/api/todos:sync", "syncToken=a&waitSeconds=1", ""},
		{"GET", "/api/todos:watch", "syncToken=a", ""},
		{"GET", "/api/todos:watch", "syncToken=a", "{}"},
		{"HEAD", "/api/todos:w%61tch", "", ""},
		{"POST", "/api/todos:apply", "", `{"operations":[]}`},
		{"OPTIONS", "*", "", ""},
	} {
		f.Add(seed.verb, seed.path, seed.query, seed.body)
	}
	todos := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	transcoder := newTodos(f)
	f.Fuzz(func(t *testing.T, verb, path, query, body string) {
		r := fuzzRequest(t, verb, path, query, body)
		if r == nil {
			t.Skip("no server would take this for a request")
		}
		w := httptest.NewRecorder()
		transcoder.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}

		got := serve(t, todos, fuzzRequest(t, verb, path, query, body))
		switch {
		case got.call == nil:
			if got.refusal.Status == 0 || got.refusal.Message == "" {
				t.Errorf("neither served nor refused: %+v", got.refusal)
			}
		case got.readErr != nil:
			err, ok := errors.AsType[*connect.Error](got.readErr)
			if !ok || err.Code() != connect.CodeInvalidArgument || !utf8.ValidString(err.Message()) {
				t.Errorf("the message can't be read: %v", got.readErr)
			}
		case got.call.Header.Get("Content-Type") == "application/connect+json":
			checkObject(t, got.body[5:], nil) // It is in an envelope.
		case body == "" && (got.body != "" || r.Method != http.MethodPost && r.Method != http.MethodPatch):
			checkObject(t, got.body, nil)
		case json.Valid([]byte(got.body)) != json.Valid([]byte(body)):
			t.Errorf("body %q became %q", body, got.body)
		default:
			var members map[string]json.RawMessage
			if json.Unmarshal([]byte(body), &members) == nil && members != nil {
				checkObject(t, got.body, members)
			}
		}
	})
}

// FuzzCustomVerb sends a value, escaped and bare, with and without a custom verb
// behind it. An escaped value arrives as it is and where it was sent. What a bare
// one does is told by its colons alone.
func FuzzCustomVerb(f *testing.F) {
	for _, seed := range []string{
		"A", "a:b", ":", "undelete", "A:undelete", "A%3Aundelete", "A:%75ndelete", "A:undelete:undelete", ":undelete", "%3a", "..:undelete",
		"A:undelete%2F", "\"%3Aundelete", "\"%2F:undelete", "a/b:undelete", "a:b/c", "%", "A:undelete?x=y", "é:undelete", "\xff:undelete", "A:undelete#f",
	} {
		f.Add(seed)
	}
	service := items(f)
	f.Fuzz(func(t *testing.T, value string) {
		reached := func(verb, target string) (method, id string, status int) {
			r := fuzzRequest(t, verb, target, "", "{}")
			if r == nil {
				return "", "", 0
			}
			got := serve(t, service, r)
			if got.call == nil {
				return "", "", got.refusal.Status
			}
			var message struct{ ID string }
			if json.Unmarshal([]byte(got.body), &message) != nil {
				return "", "", got.status()
			}
			return strings.TrimPrefix(got.call.URL.Path, "/test.v1.TestService/"), message.ID, got.status()
		}

		if value != "" && value != "." && value != ".." && utf8.ValidString(value) {
			for suffix, want := range map[string]string{"": "Update", ":undelete": "Rename"} {
				method, id, status := reached(http.MethodPatch, "/v1/items/"+escapeSegment(value)+suffix)
				if method != want || id != value || status != http.StatusOK {
					t.Errorf("%q with %q reached %s of %q, %d", value, suffix, method, id, status)
				}
			}
		}

		value, _, _ = strings.Cut(value, "?")
		if strings.Contains(value, "/") {
			return
		}
		id, verb, hasVerb := strings.Cut(value, ":")
		method, _, status := reached(http.MethodPatch, "/v1/items/"+value)
		switch decoded, err := url.PathUnescape(verb); {
		case method == "Update" && hasVerb, method == "Rename" && (err != nil || decoded != "undelete"):
			t.Errorf("%q reached %s", value, method)
		case method == "" && status == http.StatusOK, status >= http.StatusInternalServerError:
			t.Errorf("%q: %d", value, status)
		}
		if method != "" && (id == "" || strings.Contains(method, "Purge")) {
			t.Errorf("%q reached %s", value, method)
		}
	})
}

// fuzzRequest returns the request as a server gets it, or nil when a server
// would get none.
func fuzzRequest(t *testing.T, verb, path, query, body string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(path)
	if err != nil || verb == "" {
		return nil
	}
	r := newRequest(t, http.MethodGet, "/", body)
	r.Method, r.URL = verb, u
	r.URL.RawQuery = query
	r.Header.Set("Authorization", "Bearer good")
	return r
}

// checkObject shows that a message is an object, and has a body's members
// unless the path has one of the same name.
func checkObject(t *testing.T, message string, members map[string]json.RawMessage) {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(message), &object); err != nil {
		t.Errorf("the message is no object: %q", message)
	}
	for name, value := range members {
		if string(object[name]) != string(value) {
			t.Errorf("member %q of the body became %s, was %s", name, object[name], value)
		}
	}
}
