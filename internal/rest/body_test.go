package rest_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/todo-backend/internal/rest"
)

func TestMergedBody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"an object":                        {`{"one":"x"}`, `{"id":"A","one":"x"}`},
		"an object of many members":        {`{"one":"x","tags":["{"]}`, `{"id":"A","one":"x","tags":["{"]}`},
		"an empty object":                  {`{}`, `{"id":"A"}`},
		"an empty object with white space": {" {\t\r\n } ", `{"id":"A"} `},
		"white space around":               {"\n\t {\r\n \"one\" : 1 } \n", "{\"id\":\"A\",\"one\" : 1 } \n"},
		"the path's field again":           {`{"id":"B"}`, `{"id":"A","id":"B"}`},
		"bytes behind the object":          {`{} {}`, `{"id":"A"} {}`},
		"an object that is cut off":        {`{`, `{"id":"A"`},
		"an object that is cut off later":  {`{"one":`, `{"id":"A","one":`},
		"an object with a comma too many":  {`{,"one":1}`, `{"id":"A",,"one":1}`},
		"an object closed by a bracket":    {`{]`, `{"id":"A",]`},
		"nothing":                          {``, ``},
		"white space alone":                {" \n", ``},
		"an array":                         {` [{"one":"x"}]`, `[{"one":"x"}]`},
		"a string":                         {`"{}"`, `"{}"`},
		"null":                             {`null`, `null`},
		"a byte order mark":                {"\ufeff{}", "\ufeff{}"},
		"a form feed":                      {"\f{}", "\f{}"},
		"other bytes":                      {"one=x", "one=x"},
	}
	service := items(t)
	long := strings.Repeat(" ", 3000)
	readers := map[string]func(string) io.Reader{
		"at once":             func(s string) io.Reader { return strings.NewReader(s) },
		"by bytes":            func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		"with its end":        func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
		"after long padding":  func(s string) io.Reader { return strings.NewReader(long + s) },
		"with the end broken": func(s string) io.Reader { return io.MultiReader(strings.NewReader(s), &cutReader{}) },
	}
	for name, test := range tests {
		for how, reader := range readers {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/v1/items/A", reader(test.body))
				r.ContentLength = -1
				r.Header.Set("Content-Type", "application/json")
				got := serve(t, service, r)
				if how == "with the end broken" {
					if !errors.Is(got.readErr, errCut) || !strings.HasPrefix(test.want, got.body) {
						t.Errorf("body %q and error %v, want the start of %q and the reader's error", got.body, got.readErr, test.want)
					}
					return
				}
				if got.status() != http.StatusOK || got.body != test.want {
					t.Errorf("status %d (%s), body %q, want %q", got.status(), got.message(), got.body, test.want)
				}
				if got.call.ContentLength != -1 {
					t.Errorf("Content-Length %d for a body whose length isn't known", got.call.ContentLength)
				}
			})
		}
	}
}

var errCut = errors.New("connection cut")

// cutReader fails once, and then claims to be at its end.
type cutReader struct{ failed bool }

func (r *cutReader) Read([]byte) (int, error) {
	if r.failed {
		return 0, io.EOF
	}
	r.failed = true
	return 0, errCut
}

func TestMergedBodyKeepsMembersOfEveryPathVariable(t *testing.T) {
	t.Parallel()
	service := newService(t, method{name: "Put", rule: put("/v1/{one}/items/{int64_field}", "*")})
	got := serve(t, service, newRequest(t, http.MethodPut, "/v1/x/items/7", `{"id":"A"}`))
	if want := `{"one":"x","int64Field":"7","id":"A"}`; got.body != want {
		t.Errorf("status %d (%s), body %s, want %s", got.status(), got.message(), got.body, want)
	}
}

func TestBodyWithoutPathVariablesIsPassedOn(t *testing.T) {
	t.Parallel()
	const body = ` {"one":"x"} `
	got := serve(t, items(t), newRequest(t, http.MethodPost, "/v1/items", body))
	if got.body != body || got.call.ContentLength != int64(len(body)) {
		t.Errorf("body %q of length %d, want %q", got.body, got.call.ContentLength, body)
	}
}

func TestEmptyBodyStaysEmpty(t *testing.T) {
	t.Parallel()
	got := serve(t, items(t), newRequest(t, http.MethodPatch, "/v1/items/A", ""))
	if got.status() != http.StatusOK || got.body != "" {
		t.Errorf("status %d (%s), body %q", got.status(), got.message(), got.body)
	}
}

func TestBodyWhereThereIsNone(t *testing.T) {
	t.Parallel()
	with := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	cut := func() io.Reader { return iotest.ErrReader(errCut) }
	tests := map[string]struct {
		body   func() io.Reader // nil for a request without one.
		length int64
		status int
	}{
		"no body":                       {nil, 0, http.StatusOK},
		"an empty body":                 {with(""), 0, http.StatusOK},
		"an empty body, chunked":        {with(""), -1, http.StatusOK},
		"a body":                        {with("{}"), 2, http.StatusBadRequest},
		"a body of white space":         {with(" "), 1, http.StatusBadRequest},
		"a body, chunked":               {with("{}"), -1, http.StatusBadRequest},
		"a byte with the end, chunked":  {func() io.Reader { return iotest.DataErrReader(with("x")()) }, -1, http.StatusBadRequest},
		"a connection that is cut":      {cut, -1, http.StatusInternalServerError},
		"a body that can't be read yet": {cut, 1, http.StatusBadRequest},
	}
	service := items(t)
	for name, test := range tests {
		for _, call := range []string{"GET /v1/items/A", "HEAD /v1/items/A", "DELETE /v1/items/A", "POST /v1/items/A/archive"} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				verb, target, _ := strings.Cut(call, " ")
				r := httptest.NewRequestWithContext(t.Context(), verb, target, http.NoBody)
				r.Body, r.ContentLength = nil, test.length
				if test.body != nil {
					r.Body = io.NopCloser(test.body())
				}
				got := serve(t, service, r)
				if got.status() != test.status {
					t.Fatalf("status %d (%v), want %d", got.status(), got.readErr, test.status)
				}
				switch test.status {
				case http.StatusOK:
					if got.body != `{"id":"A"}` {
						t.Errorf("body %s", got.body)
					}
				case http.StatusBadRequest:
					if !strings.Contains(got.message(), "no body") {
						t.Errorf("message %q", got.message())
					}
				default:
					if !errors.Is(got.readErr, errCut) {
						t.Errorf("error %v, want the reader's", got.readErr)
					}
				}
			})
		}
	}
}

// countingBody counts what is asked of a body that never ends.
type countingBody struct {
	reads, bytes int
	closed       bool
}

func (b *countingBody) Read(p []byte) (int, error) {
	b.reads++
	b.bytes += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (b *countingBody) Close() error {
	b.closed = true
	return nil
}

func TestNothingIsReadBeforeTheHandlerReads(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verb, target string
		length       int64
		query        string
		contentType  string // application/json when empty.
	}{
		"a body":                       {verb: http.MethodPost, target: "/v1/items", length: 100},
		"a body and a path variable":   {verb: http.MethodPatch, target: "/v1/items/A", length: 100},
		"a chunked body":               {verb: http.MethodPatch, target: "/v1/items/A", length: -1},
		"a body where there is none":   {verb: http.MethodGet, target: "/v1/items/A", length: 100},
		"chunked where there is none":  {verb: http.MethodDelete, target: "/v1/items/A", length: -1},
		"a query that is refused":      {verb: http.MethodGet, target: "/v1/items", length: -1, query: "x=y"},
		"a body and a query":           {verb: http.MethodPatch, target: "/v1/items/A", length: 100, query: "one=x"},
		"a path that isn't there":      {verb: http.MethodPost, target: "/v1/none", length: 100},
		"a verb that isn't served":     {verb: http.MethodDelete, target: "/v1/items", length: 100},
		"a content type that is wrong": {verb: http.MethodPost, target: "/v1/items", length: 100, contentType: "text/plain"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var body countingBody
			r := httptest.NewRequestWithContext(t.Context(), test.verb, test.target, &body)
			r.ContentLength, r.URL.RawQuery = test.length, test.query
			r.Header.Set("Content-Type", cmp.Or(test.contentType, "application/json"))
			reached := false
			transcoder, err := rest.NewTranscoder(rest.Config{
				Service: items(t),
				RPC: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					reached = true
					if n, err := r.Body.Read(nil); n != 0 && err == nil {
						t.Errorf("a read of no bytes returned %d", n)
					}
					if err := r.Body.Close(); err != nil {
						t.Error(err)
					}
				}),
				Refuse: func(http.ResponseWriter, *http.Request, rest.Refusal) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			transcoder.ServeHTTP(httptest.NewRecorder(), r)
			if body.bytes != 0 {
				t.Errorf("%d bytes were asked for", body.bytes)
			}
			if body.closed != reached {
				t.Errorf("the body is closed: %t; the handler closed its own: %t", body.closed, reached)
			}
		})
	}
}

func TestAtMostOneByteIsReadWhereThereIsNoBody(t *testing.T) {
	t.Parallel()
	var body countingBody
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/items/A", &body)
	r.ContentLength = -1
	if got := serve(t, items(t), r); got.status() != http.StatusBadRequest {
		t.Errorf("status %d, want 400", got.status())
	}
	if body.reads != 1 || body.bytes != 1 {
		t.Errorf("%d reads of %d bytes, want one of one", body.reads, body.bytes)
	}
}
