//go:build linux

package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// PageOrigin is the origin whose pages may call.
const PageOrigin = "https://app.example.com"

// Todod is the service as a child process.
type Todod struct {
	*Process
	*Logs
	Address string // Host and port.
	URL     string // Without a path.
	Issuer  *Issuer
}

// TododConfig is what a service runs with.
type TododConfig struct {
	Program  string // Its path.
	Issuer   *Issuer
	Database string            // Its URL.
	Settings map[string]string // Override those it would run with.
	Canaries *Canaries         // Looks for secrets in its log; nil for nobody.
}

// StartTodod runs the service until the test ends, and returns it when it serves.
func StartTodod(t *testing.T, c TododConfig) *Todod {
	t.Helper()
	s := &Todod{Logs: &Logs{Canaries: c.Canaries}, Issuer: c.Issuer}
	s.Process = Start(t, nil, Environment(t, c.Issuer, c.Database, c.Settings), s.Logs, ProgramPath(t, c.Program), "serve")
	s.AwaitServing(t)
	return s
}

// AwaitServing waits until the service serves, and notes where. [StartTodod] has done so.
func (s *Todod) AwaitServing(t *testing.T) {
	t.Helper()
	s.Address = s.Await(t, 0, "serving").Address
	s.URL = "http://" + s.Address
}

// Environment returns the variables that the service runs with. Settings override those
// of the tests.
func Environment(t *testing.T, issuer *Issuer, database string, settings map[string]string) []string {
	t.Helper()
	variables := map[string]string{
		"DATABASE_URL":    WithPassword(t, database),
		"BETTER_AUTH_URL": issuer.Origin(),
		"CORS_ORIGINS":    PageOrigin,
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

// WithPassword puts a password into a database's URL. The servers of the tests don't ask
// for it, and no log may show it.
func WithPassword(t *testing.T, database string) string {
	t.Helper()
	user, rest, found := strings.Cut(database, "@")
	if !found {
		t.Fatalf("no user in %s", database)
	}
	return user + ":" + CanaryPassword + "@" + rest
}

// Migrate runs `todod migrate` of a program on a database.
func Migrate(t *testing.T, path, database string) (output string, code int) {
	t.Helper()
	return Run(t, nil, []string{"DATABASE_URL=" + WithPassword(t, database)}, ProgramPath(t, path), "migrate")
}

// Create makes a todo of a user's, which has to succeed.
func (s *Todod) Create(t *testing.T, client *http.Client, user string) (id string) {
	t.Helper()
	return s.CreateTitled(t, client, user, CanaryTitle)
}

// CreateTitled makes a todo of a user's with a title.
func (s *Todod) CreateTitled(t *testing.T, client *http.Client, user, title string) (id string) {
	t.Helper()
	a := Call(t, client, http.MethodPost, s.URL+"/api/todos", fmt.Sprintf(`{"title":%q}`, title),
		"Authorization", s.Issuer.Bearer(user), "Content-Type", ContentTypeJSON)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &made); a.Status != http.StatusOK || err != nil {
		t.Fatalf("create: %d %s %v %v", a.Status, a.Body, a.Err, err)
	}
	return made.ID
}

// List reads a page of a user's todos.
func (s *Todod) List(t *testing.T, client *http.Client, user string) Answer {
	t.Helper()
	return Call(t, client, http.MethodGet, s.URL+"/api/todos?pageSize=1", "", "Authorization", s.Issuer.Bearer(user))
}
