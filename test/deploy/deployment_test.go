//go:build linux

package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"
	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// deployment is a stack behind a proxy.
type deployment struct {
	*stack
	*proxy
	browser *caller // HTTP/2. It keeps the session's cookie.
	old     *caller // HTTP/1.1.
	// Whether the proxy may close an HTTP/1.1 connection on which a body is still sent, so
	// that the caller may not see the answer.
	cutsLargeBodies bool
	token           string
}

func (d *deployment) testPage(t *testing.T) {
	page := d.browser.call(t, http.MethodGet, string(d.page)+"/", "")
	policy := page.header.Get("Content-Security-Policy")
	if page.status != http.StatusOK || !strings.Contains(page.header.Get("Content-Type"), "text/html") ||
		page.header.Get("X-Content-Type-Options") != "nosniff" || page.header.Get("Cache-Control") != "no-cache" ||
		page.header.Get("Strict-Transport-Security") == "" || !strings.HasPrefix(policy, "default-src 'none';") {
		t.Fatalf("%d %v %v", page.status, page.err, page.header)
	}
	scripts := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(scripts) == 0 {
		t.Fatalf("the page has no scripts: %s", page.body)
	}
	for _, script := range scripts {
		a := d.browser.call(t, http.MethodGet, string(d.page)+script[1], "")
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", script[1], a.status, a.header)
		}
	}
	var config struct{ APIURL, AuthURL origin }
	if a := d.browser.json(t, http.MethodGet, string(d.page)+"/config.json", "", &config); a.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("config.json: %v", a.header)
	}
	if config.APIURL != d.api || config.AuthURL != d.authority {
		t.Errorf("config.json: %+v", config)
	}
	for _, called := range []origin{d.api, d.authority} {
		if called != d.page && !strings.Contains(policy, " "+string(called)) {
			t.Errorf("the page may not call %s: %s", called, policy)
		}
	}
	if a := d.browser.call(t, http.MethodGet, string(d.page)+"/nothing", ""); a.status != http.StatusNotFound {
		t.Errorf("a path that isn't there: %d", a.status)
	}
}

func (d *deployment) testSignIn(t *testing.T) {
	var keys struct{ Keys []any }
	if d.browser.json(t, http.MethodGet, string(d.authority)+"/api/auth/jwks", "", &keys); len(keys.Keys) == 0 {
		t.Error("no keys")
	}
	email := fmt.Sprintf("%s@example.com", strings.ToLower(portOf(string(d.page))))
	credentials := fmt.Sprintf(`{"email":%q,"password":"correct horse battery","name":"Alice"}`, email)
	var signedUp struct{ User struct{ ID string } }
	a := d.browser.json(t, http.MethodPost, string(d.authority)+"/api/auth/sign-up/email", credentials, &signedUp,
		"Origin", string(d.page), "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "evil.example")
	if cookie := a.header.Get("Set-Cookie"); !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") {
		t.Errorf("the cookie is %q", cookie)
	}
	// What Better Auth takes for the caller's address is what the proxy saw.
	connection := pgtest.Connect(t, d.database.URL("auth"))
	if address := pgtest.QueryText(t, connection, `SELECT "ipAddress" FROM session WHERE "userId" = '`+signedUp.User.ID+`'`); address != "127.0.0.1" {
		t.Errorf("the session's address is %q", address)
	}
	var token struct{ Token string }
	d.browser.json(t, http.MethodGet, string(d.authority)+"/api/auth/token", "", &token, "Origin", string(d.page))
	d.token = "Bearer " + token.Token

	if a := d.browser.call(t, http.MethodPost, string(d.authority)+"/api/auth/sign-out", "{}",
		"Origin", "https://evil.example", "Content-Type", "application/json"); a.status != http.StatusForbidden {
		t.Errorf("another page's request with the cookie: %d %s", a.status, a.body)
	}
}

func (d *deployment) testProtocols(t *testing.T) {
	for name, client := range map[string]*caller{"HTTP/2": d.browser, "HTTP/1.1": d.old} {
		var made struct{ ID string }
		client.json(t, http.MethodPost, string(d.api)+"/api/todos", `{"title":"by REST"}`, &made, "Authorization", d.token)
		a := client.json(t, http.MethodGet, string(d.api)+"/api/todos/"+made.ID, "", &made, "Authorization", d.token)
		if !strings.Contains(a.body, "by REST") {
			t.Errorf("%s: %s", name, a.body)
		}
		client.json(t, http.MethodPost, string(d.api)+"/todo.v1.TodoService/GetTodo", `{"id":"`+made.ID+`"}`, &made, "Authorization", d.token)
	}
	for name, way := range map[string]struct {
		client  *caller
		options []connect.ClientOption
	}{
		"Connect":              {d.browser, nil},
		"Connect, HTTP/1.1":    {d.old, nil},
		"gRPC":                 {d.browser, []connect.ClientOption{connect.WithGRPC()}},
		"gRPC-Web":             {d.browser, []connect.ClientOption{connect.WithGRPCWeb()}},
		"gRPC-Web, HTTP/1.1":   {d.old, []connect.ClientOption{connect.WithGRPCWeb()}},
		"gRPC with gzip":       {d.browser, []connect.ClientOption{connect.WithGRPC(), connect.WithSendGzip()}},
		"Connect, JSON, gzips": {d.browser, []connect.ClientOption{connect.WithProtoJSON(), connect.WithSendGzip()}},
	} {
		client := todov1connect.NewTodoServiceClient(way.client, string(d.api), append(way.options, connect.WithInterceptors(d.authorized()))...)
		made, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: made.GetId()})
		if err != nil || got.GetTitle() != name {
			t.Errorf("%s: %v %v", name, got, err)
		}
		_, err = client.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: "00000000-0000-4000-8000-000000000000"})
		if connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: an unknown id: %v", name, err)
		}
	}
}

// authorized sends the token with each call.
func (d *deployment) authorized() connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set("Authorization", d.token)
			return next(ctx, req)
		}
	}
}

// preflight is what a browser asks before a page of an origin may call another one.
func (d *deployment) preflight(t *testing.T, from origin, url, method, headers string) http.Header {
	t.Helper()
	a := d.browser.call(t, http.MethodOptions, url, "", "Origin", string(from),
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.header
}

func (d *deployment) testOrigins(t *testing.T) {
	const allow = "Access-Control-Allow-Origin"
	list := string(d.api) + "/todo.v1.TodoService/ListTodos"
	read := d.browser.call(t, http.MethodPost, list, "{}", "Authorization", d.token, "Content-Type", "application/json", "Origin", string(d.page))
	if read.status != http.StatusOK {
		t.Fatalf("the page's call: %d %s", read.status, read.body)
	}
	const evil = "https://evil.example"
	if got := d.preflight(t, evil, list, http.MethodPost, "authorization,content-type"); got.Get(allow) != "" {
		t.Errorf("another page's preflight: %v", got)
	}
	if d.page == d.api {
		return // Browsers send no preflight and read every answer.
	}
	// Once: with two such headers browsers refuse the answer.
	if got := read.header.Values(allow); len(got) != 1 || got[0] != string(d.page) {
		t.Errorf("the page's call: %q", got)
	}
	if !strings.Contains(strings.ToLower(read.header.Get("Access-Control-Expose-Headers")), "x-request-id") {
		t.Errorf("the page may read %q", read.header.Get("Access-Control-Expose-Headers"))
	}
	if got := d.preflight(t, d.page, list, http.MethodPost, "authorization,connect-protocol-version,content-type").Values(allow); len(got) != 1 || got[0] != string(d.page) {
		t.Errorf("the service's preflight: %q", got)
	}
	if got := d.preflight(t, d.page, string(d.api)+"/api/todos/x", http.MethodPatch, "authorization,content-type").Values(allow); len(got) != 1 {
		t.Errorf("the service's preflight for PATCH: %q", got)
	}
	got := d.preflight(t, d.page, string(d.authority)+"/api/auth/sign-in/email", http.MethodPost, "content-type")
	if got.Get(allow) != string(d.page) || got.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("Better Auth's preflight: %v", got)
	}
}

func (d *deployment) testRequestIDs(t *testing.T) {
	const own = "a-callers-own-id"
	call := func(headers ...string) string {
		a := d.browser.call(t, http.MethodGet, string(d.api)+"/api/todos", "", append(headers, "Authorization", d.token)...)
		return a.header.Get("X-Request-Id")
	}
	if got := call("X-Request-Id", own); got != own {
		t.Errorf("the caller's id comes back as %q", got)
	}
	made := call()
	if made == "" || made == own {
		t.Errorf("an id is made: %q", made)
	}
	for _, id := range []string{own, made} {
		d.todod.says(t, `"request_id":"`+id+`"`)
		d.process.says(t, id)
	}
	if strings.Contains(d.process.output.String(), strings.TrimPrefix(d.token, "Bearer ")) {
		t.Error("the proxy logs tokens")
	}
}

func (d *deployment) testTooLarge(t *testing.T) {
	for name, client := range map[string]*caller{"HTTP/2": d.browser, "HTTP/1.1": d.old} {
		for _, size := range []int{65 << 10, 5 << 20} {
			body, err := json.Marshal(map[string]string{"title": strings.Repeat("x", size)})
			if err != nil {
				t.Fatal(err)
			}
			a := client.call(t, http.MethodPost, string(d.api)+"/api/todos", string(body), "Authorization", d.token, "Content-Type", "application/json")
			isCut := a.err != nil && client == d.old || a.status == http.StatusServiceUnavailable
			if d.cutsLargeBodies && size > 1<<20 && isCut {
				continue // HAProxy was still sending it when the service had answered.
			}
			if a.status != http.StatusTooManyRequests || a.code() != "resource_exhausted" {
				t.Errorf("%s, a body of %d bytes: %d %s %v", name, size, a.status, a.body, a.err)
			}
		}
		for range 5 {
			large := strings.NewReader(strings.Repeat("x", 5<<20))
			client.callWith(t, http.MethodPost, string(d.api)+"/api/todos", large, "Authorization", d.token, "Content-Type", "application/json")
			// Between proxies it may come on the connection of the large one.
			next := d.browser.call(t, http.MethodPost, string(d.api)+"/api/todos", `{"title":"next"}`, "Authorization", d.token, "Content-Type", "application/json")
			if next.status != http.StatusOK {
				t.Errorf("%s, a write after a body of 5 MiB: %d %s %v", name, next.status, next.body, next.err)
			}
		}
		a := client.call(t, http.MethodGet, string(d.api)+"/api/todos", "", "Authorization", d.token, "X-Large", strings.Repeat("x", 17<<10))
		if a.status != http.StatusRequestHeaderFieldsTooLarge || a.code() == "" {
			t.Errorf("%s, headers of 17 KiB: %d %s %v", name, a.status, a.body, a.err)
		}
	}
}

func (d *deployment) testInside(t *testing.T) {
	for _, path := range []string{
		"/livez", "/readyz", "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/health", "/metrics",
	} {
		for _, site := range []origin{d.page, d.authority, d.api} {
			if a := d.browser.call(t, http.MethodPost, string(site)+path, "{}", "Content-Type", "application/json"); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s%s: %d %s", site, path, a.status, a.body)
			}
			if a := d.browser.call(t, http.MethodGet, string(site)+path, ""); a.status != http.StatusNotFound {
				t.Errorf("%s%s: %d %s", site, path, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/api/health", "/openapi.yaml"} {
		if a := d.browser.call(t, http.MethodGet, string(d.api)+path, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func (d *deployment) testRedirect(t *testing.T) {
	a := d.old.call(t, http.MethodGet, "http://"+pageName+":"+portOf(d.httpAt)+"/x", "")
	if a.status != http.StatusPermanentRedirect || !strings.HasPrefix(a.header.Get("Location"), "https://"+pageName) {
		t.Errorf("%d %v %v", a.status, a.header, a.err)
	}
}

func (d *deployment) testDown(t *testing.T) {
	if err := d.todod.Stop(patience); err != nil {
		t.Fatal(err)
	}
	a := d.browser.call(t, http.MethodGet, string(d.api)+"/api/todos", "", "Authorization", d.token)
	if a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	if a := d.browser.call(t, http.MethodGet, string(d.page)+"/", ""); a.status != http.StatusOK {
		t.Errorf("the page: %d", a.status)
	}
}
