//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// get returns a handler's answer.
func get(t *testing.T, handler http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
	return res
}

func TestTheDocsAreServedWithAllThatTheyNeed(t *testing.T) {
	t.Parallel()
	routes := http.NewServeMux()
	routes.Handle("GET "+docsPath, (&docs{
		service: "http://localhost:1",
		issuer:  "http://localhost:2",
		token:   "http://localhost:2/api/auth/token?user=alice",
		note:    localNote("http://localhost:2/token"),
	}).handler())
	page := get(t, routes, docsPath)
	if page.Code != http.StatusOK {
		t.Fatalf("%d", page.Code)
	}
	html := page.Body.String()
	// In a script, where slashes are escaped in part, and in the note.
	for _, want := range []string{
		"openapi.yaml", `"http://localhost:2/api/auth/token?user=alice"`,
		"export TOKEN=$(curl -sS localhost:2/token)", "&#39;localhost:2/token?user=bob&#39;",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("no %s in\n%s", want, html)
		}
	}
	files := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1)
	if len(files) < 3 {
		t.Errorf("the page has %d files", len(files))
	}
	for _, file := range files {
		if !strings.HasPrefix(file[1], docsPath) {
			t.Errorf("%s is from elsewhere", file[1])
		}
		if res := get(t, routes, file[1]); res.Code != http.StatusOK || res.Body.Len() == 0 {
			t.Errorf("%s: %d, %d bytes", file[1], res.Code, res.Body.Len())
		}
	}
	policy := page.Header().Get("Content-Security-Policy")
	for _, directive := range []string{
		"default-src 'none'", "frame-ancestors 'none'",
		"connect-src http://localhost:1 http://localhost:2",
	} {
		if !strings.Contains(policy+";", directive+";") {
			t.Errorf("no %s in the policy: %s", directive, policy)
		}
	}
	if res := get(t, routes, strings.TrimSuffix(docsPath, "/")); res.Header().Get("Location") != docsPath {
		t.Errorf("without the slash: %d to %q", res.Code, res.Header().Get("Location"))
	}
	if res := get(t, routes, docsPath+"other.js"); res.Code != http.StatusNotFound {
		t.Errorf("another file: %d", res.Code)
	}
}

// TestTheDocsAreWhereTheBannerSaysAndMayCall also looks at whom else the
// service lets in.
func TestTheDocsAreWhereTheBannerSaysAndMayCall(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	docs := d.value(t, "docs")
	ask := func(method, url, origin string) (status int, allowed string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", http.MethodPatch)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Access-Control-Allow-Origin")
	}
	if status, _ := ask(http.MethodGet, docs, ""); status != http.StatusOK {
		t.Errorf("%s: %d", docs, status)
	}
	own := strings.TrimSuffix(docs, docsPath)
	for _, path := range []string{"/openapi.yaml", "/api/todos"} {
		for origin, want := range map[string]string{
			own:                     own,
			"http://localhost:5173": "http://localhost:5173",
			"http://localhost:1":    "",
		} {
			if _, got := ask(http.MethodOptions, d.value(t, "service")+path, origin); got != want {
				t.Errorf("%s allows %q to %s, want %q", path, got, origin, want)
			}
		}
	}
}
