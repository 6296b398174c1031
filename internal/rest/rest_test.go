package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/rest"
)

// TestContractIsServed shows that the contract stays within the subset, and
// that each of its methods is called over REST.
func TestContractIsServed(t *testing.T) {
	t.Parallel()
	service := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	var served, want []string
	for _, route := range routes(t, service) {
		served = append(served, route.Procedure)
	}
	for i := range service.Methods().Len() {
		want = append(want, fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(i).Name()))
	}
	if diff := cmp.Diff(want, served); diff != "" {
		t.Errorf("procedures (-want +got):\n%s", diff)
	}
}

func TestRoutesAreListed(t *testing.T) {
	t.Parallel()
	want := []rest.Route{
		{Method: "GET", Path: "/v1/items", Procedure: "/test.v1.TestService/List"},
		{Method: "POST", Path: "/v1/items", Procedure: "/test.v1.TestService/Create"},
		{Method: "GET", Path: "/v1/items/{id}", Procedure: "/test.v1.TestService/Get"},
		{Method: "GET", Path: "/v1/items/count", Procedure: "/test.v1.TestService/Count"},
		{Method: "PUT", Path: "/v1/items/{id}", Procedure: "/test.v1.TestService/Replace"},
		{Method: "PATCH", Path: "/v1/items/{id}", Procedure: "/test.v1.TestService/Update"},
		{Method: "DELETE", Path: "/v1/items/{id}", Procedure: "/test.v1.TestService/Delete"},
		{Method: "POST", Path: "/v1/items/{id}/archive", Procedure: "/test.v1.TestService/Archive"},
		{Method: "POST", Path: "/v1/items/{id}:undelete", Procedure: "/test.v1.TestService/Undelete"},
		{Method: "PATCH", Path: "/v1/items/{id}:undelete", Procedure: "/test.v1.TestService/Rename"},
		{Method: "POST", Path: "/v1/items:purge", Procedure: "/test.v1.TestService/Purge"},
		{Method: "GET", Path: "/v1/items:sync", Procedure: "/test.v1.TestService/Sync"},
		{Method: "GET", Path: "/v1/items:watch", Procedure: "/test.v1.TestService/Watch"},
		{Method: "GET", Path: "/v1/items/{id}:watch", Procedure: "/test.v1.TestService/WatchOne"},
	}
	if diff := cmp.Diff(want, routes(t, items(t))); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

// routes returns what is served of a service.
func routes(t *testing.T, service protoreflect.ServiceDescriptor) []rest.Route {
	t.Helper()
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: service,
		RPC:     http.NotFoundHandler(),
		Refuse:  func(http.ResponseWriter, *http.Request, rest.Refusal) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return transcoder.Routes()
}

func TestNewTranscoderRefuses(t *testing.T) {
	t.Parallel()
	with := func(rule *annotations.HttpRule, change func(*annotations.HttpRule)) *annotations.HttpRule {
		change(rule)
		return rule
	}
	tests := map[string]struct {
		method method
		want   string
	}{
		"additional bindings": {
			method: method{rule: with(get("/a"), func(r *annotations.HttpRule) {
				r.AdditionalBindings = []*annotations.HttpRule{get("/b")}
			})},
			want: "additional_bindings",
		},
		"a response body": {
			method: method{rule: with(get("/a"), func(r *annotations.HttpRule) { r.ResponseBody = "text" })},
			want:   "response_body",
		},
		"a selector": {
			method: method{rule: with(get("/a"), func(r *annotations.HttpRule) { r.Selector = "test.v1.TestService.Bad" })},
			want:   "selector",
		},
		"a custom HTTP method": {
			method: method{rule: &annotations.HttpRule{Pattern: &annotations.HttpRule_Custom{
				Custom: &annotations.CustomHttpPattern{Kind: "HEAD", Path: "/a"},
			}}},
			want: "custom HTTP verbs",
		},
		"an option without a verb":       {method: method{rule: &annotations.HttpRule{}}, want: "names no verb"},
		"a body that is one field":       {method: method{rule: post("/a", "message_field")}, want: `body "message_field"`},
		"a body of an empty message":     {method: method{rule: post("/a", "*"), input: ".google.protobuf.Empty"}, want: "nothing of google.protobuf.Empty is left"},
		"a body without a field left":    {method: method{rule: post("/a/{text}:go", "*"), input: ".test.v1.Inner"}, want: "nothing of test.v1.Inner is left"},
		"a GET with a body":              {method: method{rule: with(get("/a"), func(r *annotations.HttpRule) { r.Body = "*" })}, want: "GET request has no body"},
		"a DELETE with a body":           {method: method{rule: with(deletes("/a"), func(r *annotations.HttpRule) { r.Body = "*" })}, want: "DELETE request has no body"},
		"a stream without a custom verb": {method: method{rule: get("/a"), stream: true}, want: "needs a custom verb"},
		"a stream that is a POST":        {method: method{rule: post("/a:go", ""), stream: true}, want: "must be a GET"},
		"a stream of requests":           {method: method{rule: get("/a:go"), clientStream: true}, want: "requests are a stream"},
		"a stream in both directions":    {method: method{rule: get("/a:go"), stream: true, clientStream: true}, want: "requests are a stream"},
		"a stream with two fields to go on": {
			method: method{rule: get("/a:go"), stream: true, input: ".test.v1.Cursors", output: ".test.v1.NextCursors"},
			want:   "Last-Event-ID may be one or two",
		},
		"a request with JSON of its own":  {method: method{rule: get("/a"), input: ".google.protobuf.Timestamp"}, want: "google.protobuf.Timestamp"},
		"a path without a slash":          {method: method{rule: get("a")}, want: "start with a slash"},
		"an empty path":                   {method: method{rule: get("")}, want: "start with a slash"},
		"the root":                        {method: method{rule: get("/")}, want: "empty"},
		"a slash at the end":              {method: method{rule: get("/a/")}, want: "empty"},
		"a double slash":                  {method: method{rule: get("/a//b")}, want: "empty"},
		"a dot segment":                   {method: method{rule: get("/a/../b")}, want: "dot segments"},
		"a wildcard":                      {method: method{rule: get("/a/*")}, want: "wildcards"},
		"a wildcard of many segments":     {method: method{rule: get("/a/**")}, want: "wildcards"},
		"a custom verb that is empty":     {method: method{rule: get("/a:")}, want: "custom verb is empty"},
		"a custom verb before the end":    {method: method{rule: get("/a:go/b")}, want: "must end the path"},
		"a custom verb after another":     {method: method{rule: get("/a/{id}:go:on")}, want: `custom verb "go:on"`},
		"a custom verb with a variable":   {method: method{rule: get("/a/{id}:{one}")}, want: `custom verb "{one}"`},
		"a custom verb that is escaped":   {method: method{rule: get("/a:g%6F")}, want: `custom verb "g%6F"`},
		"a custom verb of nothing":        {method: method{rule: get("/a/:go")}, want: "empty"},
		"a custom verb in a variable":     {method: method{rule: get("/a/{id:go}")}, want: `custom verb "go}"`},
		"the custom verb of another":      {method: method{rule: post("/good/{string_field}:go", "")}, want: "/good/{id}:go"},
		"an escaped literal":              {method: method{rule: get("/a%20b")}, want: "it may have letters"},
		"a query in the path":             {method: method{rule: get("/a?b=c")}, want: "it may have letters"},
		"a variable in mid segment":       {method: method{rule: get("/a-{id}")}, want: "it may have letters"},
		"a variable that isn't closed":    {method: method{rule: get("/a/{id")}, want: "whole segment"},
		"a variable without a name":       {method: method{rule: get("/a/{}")}, want: "no name"},
		"a variable with a pattern":       {method: method{rule: get("/a/{id=*}")}, want: "pattern"},
		"a variable of many segments":     {method: method{rule: get("/a/{id=b/**}")}, want: "whole segment"},
		"a variable within a message":     {method: method{rule: get("/a/{message_field.text}")}, want: "field within a field"},
		"a variable that is no field":     {method: method{rule: get("/a/{nothing}")}, want: "no such field"},
		"a variable by its JSON name":     {method: method{rule: get("/a/{stringField}")}, want: "no such field"},
		"a variable that is repeated":     {method: method{rule: get("/a/{tags}")}, want: "repeated or a message"},
		"a variable that is a message":    {method: method{rule: get("/a/{message_field}")}, want: "repeated or a message"},
		"a variable that is there twice":  {method: method{rule: get("/a/{id}/b/{id}")}, want: "twice"},
		"the paths of another method":     {method: method{rule: get("/good/{string_field}")}, want: "/good/{id}"},
		"a path that crosses another's":   {method: method{rule: get("/{id}/b/{string_field}/{one}")}, want: "/x/{id}/c/{one}"},
		"a path that overlaps on a value": {method: method{rule: get("/{id}/count")}, want: "/good/{id}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.method.name = "Bad"
			_, err := rest.NewTranscoder(rest.Config{
				Service: newService(t,
					method{name: "Good", rule: get("/good/{id}")},
					method{name: "Going", rule: post("/good/{id}:go", "")},
					method{name: "Crossed", rule: get("/x/{id}/c/{one}")},
					test.method,
				),
				RPC:    http.NotFoundHandler(),
				Refuse: func(http.ResponseWriter, *http.Request, rest.Refusal) {},
			})
			if err == nil {
				t.Fatal("no error")
			}
			if message := err.Error(); !strings.Contains(message, "test.v1.TestService.Bad: ") || !strings.Contains(message, test.want) {
				t.Errorf("error %q names not the method and %q", message, test.want)
			}
		})
	}
}

func TestPathsThatDoNotClash(t *testing.T) {
	t.Parallel()
	service := newService(t,
		method{name: "A", rule: get("/a/{id}")},
		method{name: "NarrowerFirst", rule: get("/b/c")},
		method{name: "Other", rule: get("/b/{id}")},
		method{name: "Longer", rule: get("/a/{id}/c")},
		method{name: "Narrower", rule: get("/a/c")},
		method{name: "OtherVerb", rule: deletes("/a/{string_field}")},
		method{name: "Empty", rule: get("/empty"), input: ".google.protobuf.Empty"},
	)
	for target, want := range map[string]string{
		"GET /a/x":    "A",
		"GET /a/c":    "Narrower",
		"GET /b/x":    "Other",
		"GET /b/c":    "NarrowerFirst",
		"GET /a/x/c":  "Longer",
		"DELETE /a/c": "OtherVerb",
		"GET /empty":  "Empty",
	} {
		verb, path, _ := strings.Cut(target, " ")
		got := serve(t, service, newRequest(t, verb, path, ""))
		if got.call == nil || got.call.URL.Path != "/test.v1.TestService/"+want {
			t.Errorf("%s: got %+v, want a call of %s", target, got, want)
		}
	}
}

func TestNewTranscoderNeedsItsWholeConfig(t *testing.T) {
	t.Parallel()
	full := rest.Config{
		Service: items(t),
		RPC:     http.NotFoundHandler(),
		Refuse:  func(http.ResponseWriter, *http.Request, rest.Refusal) {},
	}
	for name, drop := range map[string]func(*rest.Config){
		"service":     func(c *rest.Config) { c.Service = nil },
		"RPC handler": func(c *rest.Config) { c.RPC = nil },
		"refuser":     func(c *rest.Config) { c.Refuse = nil },
	} {
		cfg := full
		drop(&cfg)
		if _, err := rest.NewTranscoder(cfg); err == nil {
			t.Errorf("no error without a %s", name)
		}
	}
}

func TestRequestBecomesAConnectCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	r := newRequest(t, http.MethodPatch, "/v1/items/A?", `{"one":"x"}`)
	r = r.WithContext(context.WithValue(r.Context(), key{}, "kept"))
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", "Application/JSON; charset=UTF-8")
	r.Header.Set("Content-Encoding", "identity")
	r.Header.Set("Content-Length", "11")
	r.Header.Set("Connect-Protocol-Version", "7")
	r.Header.Set("Connect-Timeout-Ms", "500")
	r.Header.Set("X-HTTP-Method-Override", "DELETE")
	r.TransferEncoding = []string{"chunked"}
	before := r.Clone(r.Context())

	got := serve(t, items(t), r)
	if got.call == nil {
		t.Fatalf("refused: %+v", got.refusal)
	}
	wantHeader := http.Header{
		"Authorization":            {"Bearer token"},
		"Content-Type":             {"application/json"},
		"Connect-Protocol-Version": {"1"},
		"Connect-Timeout-Ms":       {"500"},
		"X-Http-Method-Override":   {"DELETE"},
	}
	if diff := cmp.Diff(wantHeader, got.call.Header); diff != "" {
		t.Errorf("header of the call (-want +got):\n%s", diff)
	}
	const procedure = "/test.v1.TestService/Update"
	if got.call.Method != http.MethodPost || got.call.URL.Path != procedure || got.call.RequestURI != procedure {
		t.Errorf("call is %s %s (%s)", got.call.Method, got.call.URL.Path, got.call.RequestURI)
	}
	if got.call.TransferEncoding != nil {
		t.Errorf("call has the transfer encoding %q", got.call.TransferEncoding)
	}
	if got.call.URL.RawQuery != "" || got.call.URL.ForceQuery {
		t.Errorf("call has the query of %s", got.call.URL)
	}
	if got.call.Context().Value(key{}) != "kept" {
		t.Error("the request's context is lost")
	}
	if r.Method != before.Method || r.URL.String() != before.URL.String() || r.RequestURI != before.RequestURI ||
		r.ContentLength != before.ContentLength || r.Body != before.Body {
		t.Errorf("the request itself was changed: %+v", r)
	}
	if diff := cmp.Diff(before.Header, r.Header); diff != "" {
		t.Errorf("the request's own header was changed (-before +after):\n%s", diff)
	}
}

// TestHandlerAnswersByItself shows that nothing stands between the handler and
// the connection, so that it can flush and set deadlines.
func TestHandlerAnswersByItself(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	var got http.ResponseWriter
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: items(t),
		RPC:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }),
		Refuse:  func(http.ResponseWriter, *http.Request, rest.Refusal) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	transcoder.ServeHTTP(w, newRequest(t, http.MethodGet, "/v1/items", ""))
	if got != w {
		t.Errorf("the handler got the writer %T", got)
	}
	if len(w.Header()) > 0 {
		t.Errorf("the answer has the header %v before the handler gave it any", w.Header())
	}
}
