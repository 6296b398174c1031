//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pageOrigin is the origin whose pages may call.
const pageOrigin = "https://app.example.com"

// todod is the service as a child process.
type todod struct {
	*process
	*logs
	address string // Host and port.
	url     string
	issuer  *issuer
}

// startTodod runs the service on a database until the test ends. Settings
// override those it would run with.
func startTodod(t *testing.T, issuer *issuer, database string, settings map[string]string) *todod {
	t.Helper()
	return startTododOf(t, *program, issuer, database, settings)
}

// noHeapFloor returns settings for rows that say what is added to the service's
// memory: below the heap's floor any call adds to it, for nothing is collected.
func noHeapFloor() map[string]string { return map[string]string{"GOGC": "100"} }

// startTododOf is startTodod of another program than the one that is tested.
func startTododOf(t *testing.T, path string, issuer *issuer, database string, settings map[string]string) *todod {
	t.Helper()
	s := &todod{logs: new(logs), issuer: issuer}
	s.process = startProcess(t, nil, environment(t, issuer, database, settings), s.logs, programPath(t, path), "serve")
	s.address = s.wait(t, 0, "serving").Address
	s.url = "http://" + s.address
	return s
}

// environment returns what todod runs with.
func environment(t *testing.T, issuer *issuer, database string, settings map[string]string) []string {
	t.Helper()
	variables := map[string]string{
		"DATABASE_URL":    withPassword(t, database),
		"BETTER_AUTH_URL": issuer.Origin(),
		"CORS_ORIGINS":    pageOrigin,
		"LISTEN_ADDR":     "127.0.0.1:0",
		"LOG_LEVEL":       "debug",
		"RATE_LIMIT_RPS":  "0", // Callers here are few and busy.
	}
	maps.Copy(variables, settings)
	var list []string
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}

// programPath returns the absolute path of a program: children run elsewhere.
func programPath(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// withPassword puts a password into a database's URL, which the servers here
// don't ask for and no log may show.
func withPassword(t *testing.T, database string) string {
	t.Helper()
	user, rest, found := strings.Cut(database, "@")
	if !found {
		t.Fatalf("no user in %s", database)
	}
	return user + ":" + canaryPassword + "@" + rest
}

// migrate runs `todod migrate` of a program on a database.
func migrate(t *testing.T, path, database string) (output string, code int) {
	t.Helper()
	return run(t, nil, []string{"DATABASE_URL=" + withPassword(t, database)}, programPath(t, path), "migrate")
}

// answer is what a caller got.
type answer struct {
	sent    time.Time
	took    time.Duration
	status  int // 0 when none came.
	header  http.Header
	trailer http.Header
	body    string
	err     error
}

// call sends a request with a body, which may be empty, and headers in pairs.
func call(t *testing.T, client *http.Client, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return send(client, req)
}

// send sends a request and reads its answer to the end.
func send(client *http.Client, req *http.Request) answer {
	a := answer{sent: time.Now()}
	res, err := client.Do(req)
	if err == nil {
		defer res.Body.Close()
		var body []byte
		body, err = io.ReadAll(res.Body)
		a.body, a.header, a.trailer = string(body), res.Header, res.Trailer
		if err == nil {
			a.status = res.StatusCode
		}
	}
	a.err = err
	a.took = time.Since(a.sent)
	return a
}

// newClient returns a client of one HTTP version, without a bound on
// connections.
func newClient(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 4096}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// contentTypeJSON is the content type of requests.
const contentTypeJSON = "application/json"

// create makes a todo of a user's, which has to succeed.
func (s *todod) create(t *testing.T, client *http.Client, user string) (id string) {
	t.Helper()
	return s.createTitled(t, client, user, canaryTitle)
}

// createTitled makes a todo of a user's with a title.
func (s *todod) createTitled(t *testing.T, client *http.Client, user, title string) (id string) {
	t.Helper()
	a := call(t, client, http.MethodPost, s.url+"/api/todos", fmt.Sprintf(`{"title":%q}`, title),
		"Authorization", s.issuer.bearer(user), "Content-Type", contentTypeJSON)
	var made todo
	if err := json.Unmarshal([]byte(a.body), &made); a.status != http.StatusOK || err != nil {
		t.Fatalf("create: %d %s %v %v", a.status, a.body, a.err, err)
	}
	return made.ID
}

// list reads a page of a user's todos.
func (s *todod) list(t *testing.T, client *http.Client, user string) answer {
	t.Helper()
	return call(t, client, http.MethodGet, s.url+"/api/todos?pageSize=1", "", "Authorization", s.issuer.bearer(user))
}
