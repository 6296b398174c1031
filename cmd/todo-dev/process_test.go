//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// script returns a shell script that takes the place of todod.
func script(t *testing.T, body string) *todod {
	t.Helper()
	program := writeScript(t, "todod", body)
	return &todod{path: program, dir: filepath.Dir(program), databaseURL: "postgres://local/todo"}
}

// writeScript returns the path of a shell script, in a folder of its own.
func writeScript(t *testing.T, name, body string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	// A process forked meanwhile would have the file open for writing, which
	// then can't be run ("text file busy").
	syscall.ForkLock.RLock()
	err := os.WriteFile(program, []byte("#!/bin/sh\n"+body+"\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestAMigrationThatFailsIsReportedWithItsLastWords(t *testing.T) {
	t.Parallel()
	err := script(t, "echo from stdout; echo from stderr >&2; exit 3").migrate(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"todod migrate", "exit status 3", "from stdout", "from stderr"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %q", part, err)
		}
	}
}

func TestAServiceThatDoesNotComeUpIsReportedWithItsLastWords(t *testing.T) {
	t.Parallel()
	todod := script(t, "echo no such setting; exit 1")
	_, err := todod.serve(t.Context(), 0, "http://localhost:1", "http://localhost:2")
	if err == nil || !strings.Contains(err.Error(), "exit status 1\nno such setting") {
		t.Errorf("serve: %v", err)
	}
	if _, err := os.Stat(filepath.Join(todod.dir, "todod.pid")); err == nil {
		t.Error("the PID file stays")
	}
}

// TestTheServiceGetsTheDevelopersSettingsButItsOwnDatabase guards above all
// against a migration of what a shell or an .env file names.
func TestTheServiceGetsTheDevelopersSettingsButItsOwnDatabase(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "DATABASE_DIRECT_URL", "PGOPTIONS", "BETTER_AUTH_SECRETS", "JWT_ISSUER", "JWT_AUDIENCE"} {
		t.Setenv(name, "somewhere else")
	}
	t.Setenv("LOG_LEVEL", "debug")
	todod := script(t, "pwd -P; env; exit 1")
	_, err := todod.serve(t.Context(), 0, "http://localhost:1", "http://localhost:2")
	if err == nil {
		t.Fatal("no error")
	}
	dir, linkErr := filepath.EvalSymlinks(todod.dir)
	if linkErr != nil {
		t.Fatal(linkErr)
	}
	for _, want := range []string{
		dir, // Not where the developer's .env is.
		"LOG_LEVEL=debug",
		"DATABASE_URL=postgres://local/todo",
		"BETTER_AUTH_URL=http://localhost:1",
		"CORS_ORIGINS=http://localhost:2",
	} {
		if !strings.Contains(err.Error(), "\n"+want+"\n") {
			t.Errorf("no line %s in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "somewhere else") {
		t.Errorf("the service is led somewhere else:\n%v", err)
	}
}

func TestAProcessThatAKilledRunLeftIsEnded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command string // In the PID file, instead of the real one.
		ends    bool
	}{
		"the same command":                      {"", true},
		"another that has its number meanwhile": {"todod serve", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sleep := exec.CommandContext(t.Context(), "sleep", "987")
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = sleep.Wait()
			}()
			noted := &exec.Cmd{Args: sleep.Args, Process: sleep.Process}
			if test.command != "" {
				noted.Args = strings.Fields(test.command)
			}
			file := filepath.Join(t.TempDir(), "pid")
			if err := writePID(file, noted); err != nil {
				t.Fatal(err)
			}
			if err := endStale(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the PID file stays")
			}
			if test.ends {
				waitForEnd(t, "sleep", sleep.Process.Pid)
			} else if hasEnded(sleep.Process.Pid) {
				t.Error("it was ended")
			}
			_ = sleep.Process.Kill()
			<-ended
		})
	}
}
