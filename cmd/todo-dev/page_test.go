package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// newTestPage returns a page whose own config.json, the build's, is empty.
func newTestPage(t *testing.T) http.Handler {
	t.Helper()
	page, err := newPage(fstest.MapFS{
		"index.html":      {Data: []byte("<!doctype html><title>Todo</title>")},
		"config.json":     {Data: []byte("{}")},
		"favicon.svg":     {Data: []byte("<svg/>")},
		"assets/index.js": {Data: []byte("export {};")},
	}, pageConfig{APIURL: "http://localhost:1", AuthURL: "http://localhost:2"})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestThePageIsServedWithHeadersThatFit(t *testing.T) {
	t.Parallel()
	page := newTestPage(t)
	const immutable = "public, max-age=31536000, immutable"
	type answer struct {
		status              int
		contentType, caches string
	}
	for target, test := range map[string]struct {
		want answer
		body string
	}{
		"GET /":                {answer{200, "text/html; charset=utf-8", "no-cache"}, "<title>Todo</title>"},
		"GET /config.json":     {answer{200, "application/json", "no-cache"}, `{"apiUrl":"http://localhost:1","authUrl":"http://localhost:2"}`},
		"GET /favicon.svg":     {answer{200, "image/svg+xml", "no-cache"}, "<svg/>"},
		"GET /assets/index.js": {answer{200, "text/javascript; charset=utf-8", immutable}, "export {};"},
		"GET /assets/other.js": {answer{404, "text/plain; charset=utf-8", ""}, "not found"},
		"GET /assets/":         {answer{404, "text/plain; charset=utf-8", "no-cache"}, "not found"},
		"GET /todos":           {answer{404, "text/plain; charset=utf-8", ""}, "not found"},
		"POST /":               {answer{405, "text/plain; charset=utf-8", "no-cache"}, "Method Not Allowed"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(target, " ")
			res := httptest.NewRecorder()
			page.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
			header := res.Result().Header
			got := answer{res.Code, header.Get("Content-Type"), header.Get("Cache-Control")}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !strings.Contains(res.Body.String(), test.body) {
				t.Errorf("no %s in %s", test.body, res.Body)
			}
			if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options: %s", got)
			}
			policy := header.Get("Content-Security-Policy")
			for _, directive := range []string{
				"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
				"connect-src 'self' http://localhost:1 http://localhost:2",
			} {
				if !strings.Contains(policy+";", directive+";") {
					t.Errorf("no %s in the policy: %s", directive, policy)
				}
			}
		})
	}
}
