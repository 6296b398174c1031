package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

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
	Responses   map[string]answer
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
	const todos, byID = "/api/todos", "/api/todos/{id}"
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
		for status, want := range map[string]bool{
			"400": true, "401": true, "404": strings.Contains(path, "{"), "415": hasBody, "429": true, "500": true, "503": true, "504": true,
		} {
			if _, ok := operation.Responses[status]; ok != want {
				t.Errorf("%s %s documents %s = %v, want %v", verb, path, status, ok, want)
			}
		}
	}
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
