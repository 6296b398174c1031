//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
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

// tododConfig is what a service runs with.
type tododConfig struct {
	program  string // Its path.
	issuer   *issuer
	database string            // Its URL.
	settings map[string]string // Override those it would run with.
	canaries *canaries         // Looks for secrets in its log; nil for nobody.
}

// runTodod runs the service until the test ends.
func runTodod(t *testing.T, c tododConfig) *todod {
	t.Helper()
	s := &todod{logs: &logs{canaries: c.canaries}, issuer: c.issuer}
	s.process = startProcess(t, nil, environment(t, c.issuer, c.database, c.settings), s.logs, programPath(t, c.program), "serve")
	s.serves(t)
	return s
}

// serves waits until the service serves, and notes where.
func (s *todod) serves(t *testing.T) {
	t.Helper()
	s.address = s.await(t, 0, "serving").Address
	s.url = "http://" + s.address
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
	var made struct{ ID string }
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
