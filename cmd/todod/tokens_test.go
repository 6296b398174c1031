package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/auth/authtest/hostile"
)

// countConnections listens at an address where everybody is counted and sent
// away.
func countConnections(t *testing.T) (addr string, count *atomic.Int64) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	count = new(atomic.Int64)
	addr = server.Listener.Addr().String()
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := server.Listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = server.Listener.Close()
		served.Wait()
	})
	return addr, count
}

// TestARefusedTokenCostsNoFetchAndNoDatabaseCall sends every hostile token in
// every way, to a service whose database and whose strangers count who comes.
func TestARefusedTokenCostsNoFetchAndNoDatabaseCall(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = issuerKey })
	private, err := issuerKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := hostile.Keys(private)
	hostile.Publish(issuer, keys)
	database, calls := countConnections(t)
	stranger, visits := countConnections(t)
	s := start(t, map[string]string{
		"BETTER_AUTH_URL": issuer.Origin(),
		"DATABASE_URL":    "postgres://u:p@" + database + "/todo?sslmode=disable",
	})
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "the issuer's keys are fetched" }, s.done)
	tokens := slices.Concat(
		hostile.Headers(issuer, "http://"+stranger+"/jwks"), hostile.Claims(issuer), hostile.Forms(issuer),
		hostile.Signatures(issuer, keys), hostile.PublicKeySecrets(issuer))
	eachWay(t, func(t *testing.T, way string) {
		client, ear := s.client(t, way, "")
		for _, token := range tokens {
			ear.token = token.Text
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, token.Name, err, connect.CodeUnauthenticated)
		}
		good := issuer.Token("mallory")
		for name, edit := range map[string]func(*http.Request){
			"in a query": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.URL.RawQuery = url.Values{"access_token": {good}}.Encode()
			},
			"in a cookie": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.AddCookie(&http.Cookie{Name: "access_token", Value: good})
			},
			"in two headers": func(req *http.Request) { req.Header.Add("Authorization", "Bearer "+good) },
			"in two schemes": func(req *http.Request) { req.Header.Add("Authorization", "Basic eA==") },
			"in a proxy's header": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.Header.Set("Proxy-Authorization", "Bearer "+good)
			},
		} {
			ear.token, ear.edit = good, edit
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, "a token "+name, err, connect.CodeUnauthenticated)
		}
	})
	if got := issuer.Fetches(); got != 1 {
		t.Errorf("the key set was fetched %d times", got)
	}
	if got := visits.Load(); got != 0 {
		t.Errorf("%d connections were made to an address in a token", got)
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("%d connections were made to the database", got)
	}

	// That the counters count: a good token gets as far as the database.
	client, _ := s.client(t, "REST", issuer.Token("mallory"))
	_, err = client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
	checkCode(t, "a good token", err, connect.CodeUnavailable)
	if calls.Load() == 0 {
		t.Error("a good token made no connection to the database")
	}
}

// TestATokenLargerThanAllHeadersMayBeIsRefused has the service refuse it, or net/http
// where that is beyond what it would let the service see.
func TestATokenLargerThanAllHeadersMayBeIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for size, want := range map[int]string{16 << 10: `{"code":"resource_exhausted"`, 80 << 10: "431 "} {
		res := s.do(t, "GET", "/api/todos", "", "Authorization", "Bearer "+strings.Repeat("x", size))
		if res.status != http.StatusRequestHeaderFieldsTooLarge || !strings.HasPrefix(res.body, want) {
			t.Errorf("%d bytes: %d %s", size, res.status, res.body)
		}
	}
}

// TestAKeyIDIsNothingButANameToLookUp sends key IDs that would do harm in a
// path, a statement, a terminal or a log.
func TestAKeyIDIsNothingButANameToLookUp(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	keyIDs := []string{
		"../../../../etc/passwd", "/dev/null", `C:\keys`, "http://127.0.0.1/key", "' OR 1=1; DROP TABLE todo; --", "$(id)", "`id`", "%s%n",
		"a\nb", "\x1b[31m", "\u202e", strings.Repeat("k", 128), strings.Repeat("😀", 32), strings.Repeat("k", 5000),
	}
	eachWay(t, func(t *testing.T, way string) {
		client, ear := s.client(t, way, "")
		for _, keyID := range keyIDs {
			ear.token = s.issuer.Sign(map[string]any{"alg": "RS256", "kid": keyID}, s.issuer.Claims("mallory"))
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, fmt.Sprintf("key ID %.20q", keyID), err, connect.CodeUnauthenticated)
		}
	})
	if got := s.issuer.Fetches(); got > 1+2 {
		t.Errorf("the key set was fetched %d times", got)
	}
	logged := 0
	for text := range strings.Lines(s.logged(t)) {
		var line logLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("a log line that is no JSON object: %q", text)
		}
		if keyID, ok := line["key_id"].(string); ok {
			logged++
			if n := utf8.RuneCountInString(keyID); n > 64 {
				t.Errorf("a log line shows %d characters of a key ID", n)
			}
		}
	}
	if want := len(ways()) * len(keyIDs); logged != want {
		t.Errorf("%d log lines with a key ID, want %d", logged, want)
	}
}

// TestARotationUnderLoadCostsOneFetch has 100 calls come at once, over all
// ways, with tokens of a key that the service has never seen.
func TestARotationUnderLoadCostsOneFetch(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	first, _ := s.client(t, "REST", s.issuer.Token("u"))
	if _, err := first.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := s.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	before, token := s.issuer.Fetches(), s.issuer.Token("u")
	var callers sync.WaitGroup
	for i := range 100 {
		client, _ := s.client(t, ways()[i%len(ways())], token, patiently())
		callers.Go(func() {
			if _, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
				t.Errorf("a call with a new key: %v", err)
			}
		})
	}
	callers.Wait()
	if got := s.issuer.Fetches() - before; got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// TestTheServiceWaitsForItsIssuer starts while the issuer fails. Once it is
// well, calls are served, without anybody's doing.
func TestTheServiceWaitsForItsIssuer(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = issuerKey })
	issuer.Fail(http.StatusBadGateway)
	s := start(t, map[string]string{"BETTER_AUTH_URL": issuer.Origin()})
	token := issuer.Token("u")
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, token)
		_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		checkUnavailable(t, err)
		if !strings.Contains(strings.ToLower(string(heard.heard)), "retry-after: 1") {
			t.Errorf("no Retry-After in %s", heard.heard)
		}
	})
	issuer.Heal()
	s.logs.wait(t, func(line logLine) bool {
		msg, _ := line["msg"].(string)
		return strings.HasPrefix(msg, "the issuer's keys are fetched")
	}, s.done)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, token)
		if _, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
			t.Error(err)
		}
	})
}
