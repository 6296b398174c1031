//go:build linux

package deploy

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/todo-backend/internal/childprocess"
	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// freeAddress returns an address on loopback whose port nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return system.FreeAddress(t)
}

// process is a child process. It ends with its test, and with this process however that
// ends.
type process struct {
	*childprocess.Process
	output *output
}

// start runs a program in an empty folder, with an environment and nothing besides.
func start(t *testing.T, environment map[string]string, path string, args ...string) *process {
	t.Helper()
	p := &process{output: new(output)}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		cmd.Env = append(cmd.Env, name+"="+environment[name])
	}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	var err error
	if p.Process, err = childprocess.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run runs a program to its end, which has to be a good one.
func run(t *testing.T, environment map[string]string, path string, args ...string) {
	t.Helper()
	p := start(t, environment, path, args...)
	if err := p.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, p.output)
	}
}

// says waits until the process has written a text.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the output has "+text, func() bool {
		select {
		case <-p.Done():
			t.Fatalf("the process has ended\n%s", p.output)
		default:
		}
		return strings.Contains(p.output.String(), text)
	})
}
