//go:build linux

package deploy

import (
	"context"
	"crypto/rand"
	"maps"
	"os"
	"strings"
	"testing"

	"example.com/todo-backend/internal/pglocal"
)

// stack is what compose.yaml describes, without the proxy: its services run as processes
// of this machine, with the environment of the file. Only names of hosts are replaced.
type stack struct {
	project   func(service string) map[string]string
	hosts     *strings.Replacer
	database  *cluster
	todod     *process
	tododAt   string
	auth      *process
	authAt    string
	page      origin
	authority origin // Better Auth's.
	api       origin
}

// cluster is compose.yaml's, with the variables that belong to it.
type cluster struct {
	*pglocal.Server
	blanks map[string]string
}

// startDatabase starts PostgreSQL and runs roles.sh on it, as compose does, and the
// migration as its owner.
func startDatabase(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "todo-deploy-") //nolint:usetesting // A test's own folder is closed to PostgreSQL's account.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := pglocal.Start(ctx, pglocal.Config{Dir: dir, Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	made := &cluster{Server: server, blanks: make(map[string]string)}
	for _, name := range blanks {
		made.blanks[name] = rand.Text() + rand.Text()
	}
	s := &stack{database: made}
	s.read(t, nil)
	roles := s.project("db")
	roles["PGHOST"], roles["PGPORT"], _ = strings.Cut(hostOf(t, server.URL("postgres")), ":")
	roles["POSTGRES_USER"] = pglocal.Superuser
	run(t, roles, "/bin/sh", repository(t, "deploy", "compose", "roles.sh"))
	run(t, s.project("migrate"), absolute(t, *program), "migrate")
	return made
}

// read reads compose.yaml with variables of its .env.
func (s *stack) read(t *testing.T, dotenv map[string]string) {
	t.Helper()
	variables := maps.Clone(s.database.blanks)
	maps.Copy(variables, dotenv)
	project := compose(t, variables)
	s.hosts = strings.NewReplacer("@db:5432", "@"+hostOf(t, s.database.URL("postgres")), "//auth:3000", "//"+s.authAt)
	s.project = func(service string) map[string]string {
		environment := environmentOf(t, project, service)
		for name, value := range environment {
			environment[name] = s.hosts.Replace(value)
		}
		return environment
	}
}

// startStack starts Better Auth and the service for a page, an issuer and an API at three
// origins, or three times the same one.
func startStack(t *testing.T, database *cluster, page, authority, api origin) *stack {
	t.Helper()
	s := &stack{database: database, page: page, authority: authority, api: api, authAt: freeAddress(t), tododAt: freeAddress(t)}
	s.read(t, map[string]string{"PUBLIC_ORIGIN": string(authority)})

	auth := s.project("auth")
	_, auth["PORT"], _ = strings.Cut(s.authAt, ":")
	auth["HOST"] = "127.0.0.1"
	auth["TRUSTED_ORIGINS"] = string(page)
	s.auth = start(t, auth, needProgram(t, "node", "nodejs"), repository(t, "web", "auth", "main.mjs"))
	s.auth.says(t, "auth: listening")
	s.startTodod(t)
	return s
}

// startTodod starts the service. All but its addresses and the page's origin is
// compose.yaml's.
func (s *stack) startTodod(t *testing.T) {
	t.Helper()
	settings := s.project("backend")
	maps.Copy(settings, map[string]string{"LISTEN_ADDR": s.tododAt, "ADMIN_ADDR": "127.0.0.1:0", "CORS_ORIGINS": string(s.page)})
	s.todod = start(t, settings, absolute(t, *program), "serve")
	s.todod.says(t, `"serving"`)
}
