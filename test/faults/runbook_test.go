//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/todo-backend/internal/pglocal"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// runbook has the commands of docs/operations.md that an operator runs.
type runbook struct {
	folder      string
	environment []string
	blocks      []string
	address     string // Of the service that is asked.
}

// readRunbook reads the sh blocks of the sections that are runbooks.
func readRunbook(t *testing.T, s *stack.Todod, database, restored string) *runbook {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := pglocal.Find(t.Context(), os.Getenv(pglocal.MirrorVariable), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	b := &runbook{folder: t.TempDir(), address: s.Address}
	b.environment = append(os.Environ(),
		"PATH="+strings.Join([]string{bin, filepath.Dir(stack.ProgramPath(t, *program)), os.Getenv("PATH")}, ":"),
		"DATABASE_URL="+database, "RESTORED_URL="+restored, "BETTER_AUTH_URL="+s.Issuer.Origin())
	for _, heading := range []string{"Alerts", "Capacity", "Backup and restore", "Upgrade and rollback"} {
		_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
		if !found {
			t.Fatalf("docs/operations.md has no section %q", heading)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
			b.blocks = append(b.blocks, block[1])
		}
	}
	return b
}

// run runs the one block that has a text in it, as it stands, and returns what it prints.
func (b *runbook) run(t *testing.T, with string) string {
	t.Helper()
	i := slices.IndexFunc(b.blocks, func(block string) bool { return strings.Contains(block, with) })
	if i < 0 {
		t.Fatalf("no block of commands has %q", with)
	}
	bash := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(b.blocks[i], "127.0.0.1:8080", b.address))
	bash.Dir, bash.Env = b.folder, b.environment
	output, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, b.blocks[i], output)
	}
	b.blocks = slices.Delete(b.blocks, i, i+1)
	return string(output)
}

// TestRunbookCommandsWork runs each command of the runbooks in docs/operations.md. It
// checks what they say of callers after a restore.
func TestRunbookCommandsWork(t *testing.T) {
	t.Parallel()
	r := newRow(t, "runbooks")
	server := pgtest.StartServer(t, nil)
	database, restored := server.URL(), server.Server.URL("restored")
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	b := readRunbook(t, s, database, restored)
	commands := len(b.blocks)
	client := stack.NewClient(t, false)
	prints := func(output string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(output, part) {
				t.Errorf("no %q in:\n%s", part, output)
			}
		}
	}

	u := serviceOfU{s}
	kept, deleted := s.Create(t, client, "u"), s.Create(t, client, "u")
	unlock := pgtest.LockTable(t, database, "todo")
	waiting := make(chan stack.Answer)
	go func() { waiting <- u.get(t, client, kept) }()
	pgtest.WaitForLocked(t, database, 1)
	prints(b.run(t, "pg_blocking_pids"), "Lock", "{")
	unlock()
	<-waiting
	prints(b.run(t, "/api/auth/jwks"), `"RS256"`)
	pgtest.Exec(t, database, "INSERT INTO todo_account (user_id, revision, sealed) VALUES ('stuck', 1, 4), ('gone', 1, 3)")
	prints(b.run(t, "WHERE sealed IN"), "stuck   |      4", "(1 row)")
	prints(b.run(t, "connections_to_share"), "97") // 100 but for three.

	prints(b.run(t, "pg_dump"), "TABLE DATA public todo")
	lost := s.Create(t, client, "u")
	if a := u.on(t, client, http.MethodDelete, deleted, ""); a.Status != http.StatusOK {
		t.Errorf("delete: %d %s", a.Status, a.Body)
	}
	token := u.sync(t, client, "").NextSyncToken
	prints(b.run(t, "pg_restore --exit-on-error"), "CREATE DATABASE", "renewed the epochs", "ANALYZE", "    2 |")

	old := s.URL
	s = startTodod(t, s.Issuer, restored, nil)
	b.address, u = s.Address, serviceOfU{s}
	for id, status := range map[string]int{kept: http.StatusOK, deleted: http.StatusOK, lost: http.StatusNotFound} {
		if a := u.get(t, client, id); a.Status != status {
			t.Errorf("after the restore %s is answered with %d %s, not with %d", id, a.Status, a.Body, status)
		}
	}
	if got := u.sync(t, client, token); !got.Reset || len(got.Todos) != 2 {
		t.Errorf("after the restore a client that syncs gets %+v, want a reset and the two todos of the backup", got)
	}
	again := stack.Call(t, client, http.MethodPost, s.URL+"/api/todos", fmt.Sprintf(`{"id":%q,"title":%q}`, lost, stack.CanaryTitle),
		"Authorization", s.Issuer.Bearer("u"), "Content-Type", stack.ContentTypeJSON)
	if again.Status != http.StatusOK || u.get(t, client, lost).Status != http.StatusOK {
		t.Errorf("a repeated create: %d %s", again.Status, again.Body)
	}
	if page := u.pageToken(t, client, old); s.List(t, client, "u").Status != http.StatusOK ||
		stack.Call(t, client, http.MethodGet, s.URL+"/api/todos?pageSize=1&pageToken="+page, "", "Authorization", s.Issuer.Bearer("u")).Status != http.StatusOK {
		t.Error("a page token of before the restore is refused")
	}

	prints(b.run(t, "todod version"), "nothing to apply")
	prints(b.run(t, "/readyz"), `"ok"`)
	r.Did("ran them all, on a database that was dumped and restored")
	report.AtLeast(r, "blocks of commands", commands, 6)
	r.None("not run", len(b.blocks))
}

// serviceOfU is a service that the user u calls.
type serviceOfU struct{ *stack.Todod }

// get reads a todo of the user u.
func (s serviceOfU) get(t *testing.T, client *http.Client, id string) stack.Answer {
	t.Helper()
	return s.on(t, client, http.MethodGet, id, "")
}

// synced is a page of changes.
type synced struct {
	Todos         []struct{ ID string }
	NextSyncToken string
	Reset         bool
}

// sync gets the changes of the user u since a token.
func (s serviceOfU) sync(t *testing.T, client *http.Client, token string) (page synced) {
	t.Helper()
	a := stack.Call(t, client, http.MethodGet, s.URL+"/api/todos:sync?syncToken="+token, "", "Authorization", s.Issuer.Bearer("u"))
	if err := json.Unmarshal([]byte(a.Body), &page); err != nil || a.Status != http.StatusOK {
		t.Fatalf("sync: %d %s %v", a.Status, a.Body, err)
	}
	return page
}

// on sends a request about a todo of the user u.
func (s serviceOfU) on(t *testing.T, client *http.Client, method, id, body string) stack.Answer {
	t.Helper()
	return stack.Call(t, client, method, s.URL+"/api/todos/"+id, body, "Authorization", s.Issuer.Bearer("u"))
}

// pageToken returns the token of the second page of a service's todos of the user u.
func (s serviceOfU) pageToken(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	a := stack.Call(t, client, http.MethodGet, url+"/api/todos?pageSize=1", "", "Authorization", s.Issuer.Bearer("u"))
	var page struct{ NextPageToken string }
	if err := json.Unmarshal([]byte(a.Body), &page); err != nil || page.NextPageToken == "" {
		t.Fatalf("no page token: %d %s %v", a.Status, a.Body, err)
	}
	return page.NextPageToken
}
