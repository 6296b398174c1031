package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	todobackend "example.com/todo-backend"
)

// document is what these tests read of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]schema
		Responses map[string]answer
		Headers   map[string]header
	}
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Parameters  []parameter
	Responses   map[string]answer
}

type parameter struct {
	Ref string `yaml:"$ref"`
}

type answer struct {
	Ref     string `yaml:"$ref"`
	Headers map[string]header
	Content map[string]struct{ Schema schema }
}

type header struct {
	Ref      string `yaml:"$ref"`
	Required bool
}

type schema struct {
	Ref        string `yaml:"$ref"`
	Type       any
	Properties map[string]schema
	Required   []string
	Items      *schema
	Enum       []string
}

// TestLiveAnswersAreAsTheOpenAPIDocumentSays calls each operation so that it
// gives each of the answers that can be provoked, and holds them against the
// document that the service itself serves.
func TestLiveAnswersAreAsTheOpenAPIDocumentSays(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	served := s.do(t, "GET", "/openapi.yaml", "")
	var doc document
	if err := yaml.Unmarshal([]byte(served.body), &doc); err != nil {
		t.Fatal(err)
	}
	limited := start(t, map[string]string{"RATE_LIMIT_RPS": "1"})
	down := start(t, map[string]string{"DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"})
	trashless := start(t, map[string]string{"TRASH_RETENTION": "0"})
	token := s.bearer("u")
	asJSON := append(slices.Clone(token), "Content-Type", "application/json")
	create := func(title string) string {
		var created struct{ ID string }
		res := s.do(t, "POST", "/api/todos", `{"title":"`+title+`"}`, asJSON...)
		if err := json.Unmarshal([]byte(res.body), &created); err != nil {
			t.Fatal(err)
		}
		return created.ID
	}
	id, doomed := create("a"), create("b")
	const (
		todos, byID = "/api/todos", "/api/todos/{id}"
		undelete    = byID + ":undelete"
		emptyTrash  = todos + ":emptyTrash"
		sync        = todos + ":sync"
		watch       = todos + ":watch"
		apply       = todos + ":apply"
	)
	operations := func(title string) string {
		return `{"requestId":"` + someID + `","operations":[{"create":{"title":"` + title + `"}},{"update":{"id":"` + someID + `","title":"b"}}]}`
	}
	trashlessToken := trashless.bearer("u")
	trashlessJSON := append(slices.Clone(trashlessToken), "Content-Type", "application/json")
	calls := []struct {
		on                         *service
		method, path, actual, body string
		headers                    []string
		status                     int
	}{
		{s, "POST", todos, todos, `{"title":"a","description":"b"}`, asJSON, 200},
		{s, "POST", todos, todos, `{}`, asJSON, 400},
		{s, "POST", todos, todos, `{"title":"a"}`, []string{"Content-Type", "application/json"}, 401},
		{s, "POST", todos, todos, `{"title":"b","id":"` + id + `"}`, asJSON, 409},
		{s, "POST", todos, todos, `{}`, token, 415},
		{s, "POST", todos, todos, strings.Repeat(" ", 70_000), asJSON, 429},
		{down, "POST", todos, todos, `{"title":"a"}`, append(down.bearer("u"), "Content-Type", "application/json"), 503},
		{s, "GET", todos, todos, ``, token, 200},
		{s, "GET", todos, todos + "?pageSize=-1", ``, token, 400},
		{s, "GET", todos, todos, ``, nil, 401},
		{s, "GET", todos, todos, ``, append(slices.Clone(token), "Connect-Timeout-Ms", "0"), 504},
		{limited, "GET", todos, todos, ``, limited.bearer("u"), 429},
		{s, "GET", byID, todos + "/" + id, ``, token, 200},
		{s, "GET", byID, todos + "/1", ``, token, 400},
		{s, "GET", byID, todos + "/" + someID, ``, token, 404},
		{s, "PATCH", byID, todos + "/" + id, `{"isCompleted":true}`, asJSON, 200},
		{s, "PATCH", byID, todos + "/" + id, `{}`, asJSON, 400},
		{s, "PATCH", byID, todos + "/" + someID, `{"title":"a"}`, asJSON, 404},
		{s, "GET", byID, todos + "/" + id, ``, append(slices.Clone(token), "If-None-Match", "*"), 304},
		{s, "PATCH", byID, todos + "/" + id, `{"title":"a"}`, append(slices.Clone(asJSON), "If-Match", `"abc"`), 409},
		{s, "DELETE", byID, todos + "/" + doomed, ``, append(slices.Clone(token), "If-Match", `"abc"`), 409},
		{s, "DELETE", byID, todos + "/" + doomed, ``, token, 200},
		{s, "DELETE", byID, todos + "/" + doomed, ``, token, 404},
		{s, "POST", undelete, todos + "/" + doomed + ":undelete", `{}`, append(slices.Clone(asJSON), "If-Match", `"abc"`), 409},
		{s, "POST", undelete, todos + "/" + doomed + ":undelete", `{}`, asJSON, 200},
		{s, "POST", undelete, todos + "/" + doomed + ":undelete", `{}`, token, 415},
		{s, "POST", undelete, todos + "/" + someID + ":undelete", `{}`, asJSON, 404},
		{trashless, "POST", undelete, todos + "/" + someID + ":undelete", `{}`, trashlessJSON, 501},
		{s, "POST", emptyTrash, emptyTrash, ``, token, 200},
		{s, "POST", emptyTrash, emptyTrash, `{}`, asJSON, 400},
		{s, "POST", emptyTrash, emptyTrash, ``, nil, 401},
		{trashless, "POST", emptyTrash, emptyTrash, ``, trashlessToken, 501},
		{trashless, "GET", todos, todos + "?deleted=true", ``, trashlessToken, 501},
		{s, "GET", sync, sync, ``, token, 200},
		{s, "GET", sync, sync + "?waitSeconds=26", ``, token, 400},
		{s, "GET", sync, sync + "?syncToken=none", ``, token, 400},
		{trashless, "GET", sync, sync, ``, trashlessToken, 501},
		{down, "GET", sync, sync, ``, down.bearer("u"), 503},
		{s, "POST", apply, apply, operations("a"), asJSON, 200},
		{s, "POST", apply, apply, operations("b"), asJSON, 409},
		{s, "POST", apply, apply, `{}`, asJSON, 400},
		{s, "POST", apply, apply, operations("a"), token, 415},
		{s, "GET", watch, watch + "?syncToken=none", ``, token, 400},
		{s, "GET", watch, watch, ``, nil, 401},
		{s, "GET", watch, watch, ``, append(slices.Clone(token), "Last-Event-ID", "none"), 400},
		{trashless, "GET", watch, watch, ``, trashlessToken, 501},
		{down, "GET", watch, watch, ``, down.bearer("u"), 503},
		{s, "GET", "/api/health", "/api/health", ``, nil, 200},
		{down, "GET", "/api/health", "/api/health", ``, nil, 503},
		{s, "GET", "/readyz", "/readyz", ``, nil, 200},
		{down, "GET", "/readyz", "/readyz", ``, nil, 503},
		{s, "GET", "/livez", "/livez", ``, nil, 200},
	}
	uncalled := make(map[string]bool)
	for path, operations := range doc.Paths {
		for method := range operations {
			uncalled[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, call := range calls {
		name := call.method + " " + call.path
		delete(uncalled, name)
		res := call.on.do(t, call.method, call.actual, call.body, call.headers...)
		for began := time.Now(); call.on == limited && res.status == 200 && time.Since(began) < patience; {
			res = call.on.do(t, call.method, call.actual, call.body, call.headers...)
		}
		if res.status != call.status {
			t.Errorf("%s: %d %s, want %d", name, res.status, res.body, call.status)
			continue
		}
		documented, ok := doc.Paths[call.path][strings.ToLower(call.method)].Responses[fmt.Sprint(call.status)]
		if !ok {
			t.Errorf("%s answers %d, which is not documented", name, call.status)
			continue
		}
		doc.check(t, fmt.Sprint(name, " ", call.status), documented, res)
	}
	if len(uncalled) > 0 {
		t.Errorf("documented, but not called here: %v", slices.Sorted(maps.Keys(uncalled)))
	}
}

// TestTheEventsOfAStreamAreAsTheOpenAPIDocumentSays reads the first event of each stream,
// and continues it from there.
func TestTheEventsOfAStreamAreAsTheOpenAPIDocumentSays(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var doc document
	if err := yaml.Unmarshal(todobackend.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for _, rpc := range rpcs() {
		if !rpc.IsStreamingServer() {
			continue
		}
		verb, path, _, err := restRoute(rpc)
		if err != nil {
			t.Errorf("%s: %v", rpc.Name(), err)
			continue
		}
		documented := doc.Paths[path][strings.ToLower(verb)]
		if !slices.ContainsFunc(documented.Parameters, func(p parameter) bool { return refName(p.Ref) == "LastEventId" }) {
			t.Errorf("%s has no parameter Last-Event-ID: %v", path, documented.Parameters)
		}
		content, ok := documented.Responses["200"].Content["text/event-stream"]
		if !ok || len(documented.Responses["200"].Content) != 1 {
			t.Errorf("%s documents %v", path, documented.Responses["200"].Content)
		}
		headers := s.bearer("u")
		for range 2 {
			event := s.firstEvent(t, path, headers...)
			var value any
			if err := json.Unmarshal([]byte(event["data"]), &value); err != nil || event["id"] == "" || event["event"] != "" {
				t.Fatalf("%s: %v, %v", path, event, err)
			}
			doc.checkValue(t, path, content.Schema, value)
			headers = append(s.bearer("u"), "Last-Event-ID", event["id"])
		}
	}
}

// TestEveryOperationDocumentsItsErrors knows which they are from the contract.
func TestEveryOperationDocumentsItsErrors(t *testing.T) {
	t.Parallel()
	var doc document
	if err := yaml.Unmarshal(todobackend.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for _, rpc := range rpcs() {
		verb, path, hasBody, err := restRoute(rpc)
		if err != nil {
			t.Errorf("%s: %v", rpc.Name(), err)
			continue
		}
		operation, ok := doc.Paths[path][strings.ToLower(verb)]
		if !ok {
			t.Errorf("%s %s is not documented", verb, path)
		}
		conflicts, needsTrash := codesOf(rpc)
		for status, want := range map[string]bool{
			"400": true, "401": true, "404": strings.Contains(path, "{"), "409": conflicts, "415": hasBody, "429": true, "500": true,
			"501": needsTrash, "503": true, "504": true,
		} {
			if _, ok := operation.Responses[status]; ok != want {
				t.Errorf("%s %s documents %s = %v, want %v", verb, path, status, ok, want)
			}
		}
	}
}

// codesOf tells whether a request may conflict with what is there, and whether it may need
// the trash: the former by its etag or by an id that the caller chooses, the latter by name.
func codesOf(rpc protoreflect.MethodDescriptor) (conflicts, needsTrash bool) {
	fields := rpc.Input().Fields()
	id := fields.ByName("id")
	conflicts = fields.ByName("etag") != nil || fields.ByName("request_id") != nil || id != nil && id.HasPresence()
	return conflicts, slices.Contains([]protoreflect.Name{"ListTodos", "UndeleteTodo", "EmptyTrash", "SyncTodos", "WatchTodos"}, rpc.Name())
}

// firstEvent returns the fields of the first event of a stream, and leaves it.
func (s *service) firstEvent(t *testing.T, path string, headers ...string) map[string]string {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	event, err := readEvent(bufio.NewReader(res.Body))
	if err != nil {
		t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	return event
}

// check holds an answer against what is documented.
func (d document) check(t *testing.T, call string, documented answer, res *response) {
	t.Helper()
	if documented.Ref != "" {
		documented = d.Components.Responses[refName(documented.Ref)]
	}
	for name, header := range documented.Headers {
		if d.Components.Headers[refName(header.Ref)].Required && res.header.Get(name) == "" {
			t.Errorf("%s lacks the header %s", call, name)
		}
	}
	if res.body == "" && documented.Content == nil {
		return
	}
	var value any
	if err := json.Unmarshal([]byte(res.body), &value); err != nil {
		t.Errorf("%s: %v", call, err)
		return
	}
	content, ok := documented.Content[res.header.Get("Content-Type")]
	if !ok {
		t.Errorf("%s answers %s", call, res.header.Get("Content-Type"))
		return
	}
	d.checkValue(t, call, content.Schema, value)
}

// checkValue checks names and kinds: no member that isn't documented, and none
// missing that is required.
func (d document) checkValue(t *testing.T, name string, documented schema, value any) {
	t.Helper()
	if documented.Ref != "" {
		found, ok := d.Components.Schemas[refName(documented.Ref)]
		if !ok {
			t.Errorf("%s: no schema %s", name, documented.Ref)
			return
		}
		documented = found
	}
	var kind string
	switch value := value.(type) {
	case map[string]any:
		kind = "object"
		for member, content := range value {
			property, ok := documented.Properties[member]
			if !ok && documented.Properties != nil {
				t.Errorf("%s has %s, which is not documented", name, member)
				continue
			}
			d.checkValue(t, name+" "+member, property, content)
		}
		for _, member := range documented.Required {
			if _, ok := value[member]; !ok {
				t.Errorf("%s lacks %s", name, member)
			}
		}
	case []any:
		kind = "array"
		for _, item := range value {
			if documented.Items != nil {
				d.checkValue(t, name+" item", *documented.Items, item)
			}
		}
	case string:
		kind = "string"
		if len(documented.Enum) > 0 && !slices.Contains(documented.Enum, value) {
			t.Errorf("%s is %q, not one of %v", name, value, documented.Enum)
		}
	case bool:
		kind = "boolean"
	}
	if documented.Type != nil && documented.Type != kind {
		t.Errorf("%s is of the kind %s, documented as %v", name, kind, documented.Type)
	}
}

func refName(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }
