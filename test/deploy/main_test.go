//go:build linux

package deploy

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
	"go.uber.org/goleak"
)

var program = flag.String("todod", "../../bin/todod", "the service's `program`")

// patience bounds every wait. Nothing here is about how long something takes.
const patience = time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	if _, err := os.Stat(*program); err != nil {
		fmt.Fprintln(os.Stderr, "deploy: build the service first, with make build:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// repository returns the absolute path of a file of the repository.
func repository(t *testing.T, path ...string) string {
	t.Helper()
	return system.Repository(t, path...)
}

// read returns the content of a file of the repository.
func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(repository(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// copied returns a copy of a folder of deploy/, for a test to change.
func copied(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(repository(t, "deploy", folder))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// replace changes a text that a file has to contain.
func replace(t *testing.T, file, from, to string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(from)) {
		t.Fatalf("no %q in %s", from, file)
	}
	write(t, file, string(bytes.Replace(content, []byte(from), []byte(to), 1)))
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeProgram makes a program of a script, in a folder.
func writeProgram(t *testing.T, folder, name, script string) {
	t.Helper()
	path := filepath.Join(folder, name)
	write(t, path, "#!/bin/sh\nset -eu\n"+script)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// files returns the files of deploy/ whose names match a pattern.
func files(t *testing.T, pattern string) (paths []string) {
	t.Helper()
	root := repository(t, "deploy")
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		matches, err := filepath.Match(pattern, entry.Name())
		if matches {
			paths = append(paths, filepath.Join(root, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no %s in deploy/", pattern)
	}
	return paths
}

// needProgram returns the path of a program, which a package of Debian has.
func needProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	return system.NeedProgram(t, name, pkg)
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for started := time.Now(); !so(); {
		if time.Since(started) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // Between two looks.
	}
}

// output collects what processes write.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
