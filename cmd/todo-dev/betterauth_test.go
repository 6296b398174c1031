//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSecretIsMadeOnceAndKeptPrivate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	first, err := keptSecret(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) < 32 {
		t.Errorf("%d characters are less than Better Auth takes", len(first))
	}
	second, err := keptSecret(file)
	if err != nil || second != first {
		t.Errorf("the second time it is another, %v", err)
	}
	other, err := keptSecret(file + "2")
	if err != nil || other == first {
		t.Errorf("another file has the same, %v", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the file's mode is %o", mode)
	}
}

func TestASecretThatCannotBeReadIsNotReplaced(t *testing.T) {
	t.Parallel()
	if secret, err := keptSecret(t.TempDir()); err == nil {
		t.Errorf("a folder is read as the secret %q", secret)
	}
}

// TestBetterAuthGetsTheDevelopersSettingsButItsOwnDatabase uses a program that
// prints what it is given and ends.
func TestBetterAuthGetsTheDevelopersSettingsButItsOwnDatabase(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "PGHOST", "HOST", "PORT", "TRUSTED_ORIGINS", "BETTER_AUTH_SECRETS"} {
		t.Setenv(name, "somewhere else")
	}
	t.Setenv("JWT_TTL", "5")
	dir := t.TempDir()
	issuer := &betterAuth{
		node:        writeScript(t, "node", "echo program $1; env; exit 1"),
		program:     "main.mjs",
		dir:         dir,
		databaseURL: "postgres://local/todo",
		secret:      "the secret",
	}
	_, err := issuer.serve(t.Context(), 0, "http://localhost:1")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"program main.mjs\n",
		"JWT_TTL=5\n",
		"DATABASE_URL=postgres://local/todo\n",
		"BETTER_AUTH_URL=http://localhost:",
		"BETTER_AUTH_SECRET=the secret\n",
		"TRUSTED_ORIGINS=http://localhost:1\n",
		"HOST=127.0.0.1\n",
	} {
		if !strings.Contains(err.Error()+"\n", "\n"+want) {
			t.Errorf("no line %s in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "somewhere else") {
		t.Errorf("the issuer is led somewhere else:\n%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, betterAuthPIDFile)); err == nil {
		t.Error("the PID file stays")
	}
}
