package rest_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/todo-backend/internal/rest"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verb, target string // GET /v1/items when empty.
		query        string
		want         string // The message, or what the error says.
		refused      bool
	}{
		"no parameter":                     {query: "", want: `{}`},
		"the JSON name":                    {query: "stringField=a", want: `{"stringField":"a"}`},
		"the name in the contract":         {query: "string_field=a", want: `{"stringField":"a"}`},
		"parameters keep their order":      {query: "id=a&bool_field=true", want: `{"id":"a","boolField":true}`},
		"an escaped name":                  {query: "%69d=a", want: `{"id":"a"}`},
		"a plus is a space":                {query: "id=a+b", want: `{"id":"a b"}`},
		"an escaped plus is a plus":        {query: "id=a%2Bb", want: `{"id":"a+b"}`},
		"an escaped ampersand":             {query: "id=a%26bool_field=true", want: `{"id":"a\u0026bool_field=true"}`},
		"an equals sign in a value":        {query: "id=a=b", want: `{"id":"a=b"}`},
		"an escaped semicolon":             {query: "id=a%3Bb", want: `{"id":"a;b"}`},
		"a string without a value":         {query: "id", want: `{"id":""}`},
		"empty pairs":                      {query: "&&id=a&", want: `{"id":"a"}`},
		"after a path variable":            {target: "/v1/items/A", query: "one=x", want: `{"id":"A","one":"x"}`},
		"on DELETE":                        {verb: http.MethodDelete, target: "/v1/items/A", query: "one=x", want: `{"id":"A","one":"x"}`},
		"on POST without a body":           {verb: http.MethodPost, target: "/v1/items/A/archive", query: "one=x", want: `{"id":"A","one":"x"}`},
		"a bool without a value":           {query: "boolField", want: `"boolField" must be true or false`, refused: true},
		"an unknown name":                  {query: "user_id=a", want: `"user_id" is unknown; this path takes doubleField, floatField, `, refused: true},
		"an unknown name is not too long":  {query: strings.Repeat("é", 100) + "=a", want: `"` + strings.Repeat("é", 32) + `…" is unknown`, refused: true},
		"an unknown name is quoted":        {query: "a%0Ab=c", want: `"a\nb" is unknown`, refused: true},
		"an empty name":                    {query: "=a", want: `"" is unknown`, refused: true},
		"a name in other case":             {query: "ID=a", want: `"ID" is unknown`, refused: true},
		"a field within a field":           {query: "message_field.text=a", want: `"message_field.text" is unknown`, refused: true},
		"a field twice":                    {query: "id=a&id=a", want: `"id" is given more than once`, refused: true},
		"a field in both spellings":        {query: "string_field=a&stringField=a", want: `"stringField" is given more than once`, refused: true},
		"a repeated field once":            {query: "tags=a", want: `{"tags":["a"]}`},
		"a repeated field, several times":  {query: "tags=b&tags=a&tags=b", want: `{"tags":["b","a","b"]}`},
		"repeated fields among others":     {query: "tags=b&id=x&colors=COLOR_RED&tags=&colors=7", want: `{"id":"x","tags":["b",""],"colors":["COLOR_RED",7]}`},
		"a comma separates no values":      {query: "tags=a,b", want: `{"tags":["a,b"]}`},
		"a bracket ends no value":          {query: "tags=%22%5D", want: `{"tags":["\"]"]}`},
		"a repeated field with one fault":  {query: "colors=COLOR_RED&colors=RED", want: `"colors" must be one of`, refused: true},
		"repeated messages":                {query: "inners=a", want: `"inners" can't be given in a query`, refused: true},
		"a time":                           {query: "time=2026-11-23T10:15:30.123456789Z", want: `{"time":"2026-11-23T10:15:30.123456789Z"}`},
		"a time with an offset":            {query: "time=2026-11-23T10:15:30%2B01:00", want: `{"time":"2026-11-23T10:15:30+01:00"}`},
		"a time with a bare plus":          {query: "time=2026-11-23T10:15:30+01:00", want: `"time" must be a time as RFC 3339 writes it, such as 2026-11-23T10:15:30Z or 2026-11-23T11:15:30%2B01:00, with %2B for a plus sign`, refused: true},
		"a time without a zone":            {query: "time=2026-11-23T10:15:30", want: `"time" must be a time`, refused: true},
		"a time with a comma":              {query: "time=2026-11-23T10:15:30,5Z", want: `"time" must be a time`, refused: true},
		"a day that is no time":            {query: "time=2026-11-23", want: `"time" must be a time`, refused: true},
		"no time":                          {query: "time=", want: `"time" must be a time`, refused: true},
		"a time twice":                     {query: "time=2026-11-23T10:15:30Z&time=2026-11-23T10:15:30Z", want: "more than once", refused: true},
		"repeated times":                   {query: "times=2026-11-23T10:15:30Z&times=2026-02-29T00:00:00Z", want: `"times" must be a time`, refused: true},
		"a message field":                  {query: "messageField=a", want: `"messageField" can't be given in a query`, refused: true},
		"a field that is in the path":      {target: "/v1/items/A", query: "id=B", want: `"id" is in the path already`, refused: true},
		"the same value as in the path":    {target: "/v1/items/A", query: "id=A", want: `"id" is in the path already`, refused: true},
		"a broken escape in a value":       {query: "id=%zz", want: "percent-encoded", refused: true},
		"a broken escape in a name":        {query: "%z=a", want: "percent-encoded", refused: true},
		"an escape that is cut off":        {query: "id=%4", want: "percent-encoded", refused: true},
		"a broken pair after a good one":   {query: "id=a&one=%", want: "percent-encoded", refused: true},
		"a semicolon":                      {query: "id=a;one=b", want: "';'", refused: true},
		"a name that is not UTF-8":         {query: "%FF=a", want: "UTF-8", refused: true},
		"a value that is not UTF-8":        {query: "id=%FF", want: `"id" must be UTF-8`, refused: true},
		"on POST with a body":              {verb: http.MethodPost, query: "id=a", want: "without a query", refused: true},
		"on PATCH with a body":             {verb: http.MethodPatch, target: "/v1/items/A", query: "one=a", want: "without a query", refused: true},
		"a path that is not UTF-8":         {target: "/v1/items/%FF", want: `path variable "id" must be UTF-8`, refused: true},
		"a path of a lone surrogate":       {target: "/v1/items/%ED%A0%80", want: `path variable "id" must be UTF-8`, refused: true},
		"a token is no parameter":          {query: "access_token=secret", want: `"access_token" is unknown`, refused: true},
		"a Connect GET is not a REST call": {query: "connect=v1&encoding=json&message=%7B%7D", want: `"connect" is unknown`, refused: true},
	}
	service := items(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.verb == "" {
				test.verb = http.MethodGet
			}
			if test.target == "" {
				test.target = "/v1/items"
			}
			r := newRequest(t, test.verb, test.target, "")
			r.URL.RawQuery = test.query
			got := serve(t, service, r)
			switch {
			case test.refused && got.status() != http.StatusBadRequest:
				t.Errorf("status %d and body %s, want 400", got.status(), got.body)
			case test.refused && !strings.Contains(got.message(), test.want):
				t.Errorf("message %q, want %q in it", got.message(), test.want)
			case !test.refused && (got.status() != http.StatusOK || got.body != test.want):
				t.Errorf("status %d (%s), body %s, want %s", got.status(), got.message(), got.body, test.want)
			case !test.refused && got.call.ContentLength != -1:
				t.Errorf("Content-Length %d, before the query is read", got.call.ContentLength)
			}
		})
	}
}

func TestUnknownQueryParameterIsToldTheKnown(t *testing.T) {
	t.Parallel()
	got := serve(t, items(t), newRequest(t, http.MethodGet, "/v1/items/A?user=B", ""))
	_, list, _ := strings.Cut(got.message(), "this path takes ")
	known := strings.Split(list, ", ")
	for _, name := range []string{"one", "two", "boolField", "enumField", "sint64Field", "tags", "colors", "time", "times"} {
		if !slices.Contains(known, name) {
			t.Errorf("message %q names not %s", got.message(), name)
		}
	}
	for _, name := range []string{"id", "inners", "messageField"} {
		if slices.Contains(known, name) {
			t.Errorf("message %q names %s, which a query can't have", got.message(), name)
		}
	}
}

func TestQueryOfMethodWithoutFieldsLeft(t *testing.T) {
	t.Parallel()
	service := newService(t, method{name: "Get", rule: get("/v1/{text}"), input: ".test.v1.Inner"})
	got := serve(t, service, newRequest(t, http.MethodGet, "/v1/a?other=b", ""))
	if want := "this path takes none"; got.status() != http.StatusBadRequest || !strings.Contains(got.message(), want) {
		t.Errorf("status %d, message %q, want 400 and %q", got.status(), got.message(), want)
	}
}

// TestPathAndQueryAreReadWhenTheMessageIs counts what a request costs that the RPC
// handler refuses by its headers.
func TestPathAndQueryAreReadWhenTheMessageIs(t *testing.T) { //nolint:paralleltest // All the process allocates is counted.
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: items(t),
		RPC:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }),
		Refuse:  func(_ http.ResponseWriter, _ *http.Request, refusal rest.Refusal) { t.Fatal(refusal.Message) },
	})
	if err != nil {
		t.Fatal(err)
	}
	allocations := func(target string) float64 {
		r := newRequest(t, http.MethodGet, target, "")
		return testing.AllocsPerRun(100, func() { transcoder.ServeHTTP(httptest.NewRecorder(), r) })
	}
	short := allocations("/v1/items/a?one=a")
	for name, target := range map[string]string{
		"a long query": "/v1/items/a?one=" + strings.Repeat("%00", 5000),
		"many pairs":   "/v1/items/a?" + strings.Repeat("one=%61&", 2500),
	} {
		if got := allocations(target); got != short {
			t.Errorf("%s: %v allocations, %v without", name, got, short)
		}
	}
}
