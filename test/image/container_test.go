//go:build image && linux

package image

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// runtimeEngine runs the image's program in containers that share one root.
type runtimeEngine struct {
	// command returns the command that runs todod with these arguments and this
	// environment. Besides it, todod gets only what the engine sets itself, such as PATH.
	command func(environment []string, args ...string) *exec.Cmd
}

// caFolder is where containers find certificates.
const caFolder = "/ca"

// buildahRun runs containers by `buildah run`. Its only isolation that needs no rights on
// control groups gives them a root, a user and capabilities of their own. The root can be
// written to.
func buildahRun(t *testing.T, b *build, certificates string) runtimeEngine {
	t.Helper()
	container := b.from(t, runtime.GOARCH)
	return runtimeEngine{command: func(environment []string, args ...string) *exec.Cmd {
		command := []string{"run", "--isolation", "chroot", "--cap-drop", "all", "--volume", certificates + ":" + caFolder + ":ro"}
		for _, variable := range environment {
			command = append(command, "--env", variable)
		}
		cmd := exec.CommandContext(context.Background(), "buildah", append(append(command, container, "--", "/todod"), args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+b.store)
		return cmd
	}}
}

// hardenedScript runs todod as process 1 of a container, as the strictest settings of
// docker and Kubernetes do: the root is read-only, the user is the image's, there are no
// capabilities and no way to new ones. It is called with the root, the certificates, the
// user, and what to run. A shell stays outside, so that the container ends with it.
const hardenedScript = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1` + caFolder + `"
mount -o remount,bind,ro "$1` + caFolder + `"
mount -o remount,bind,ro "$1"
root=$1 user=$3
shift 3
unshare --pid --fork --mount-proc="$root/proc" \
	setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
	chroot --groups= --userspec="$user" "$root" "$@"
`

// hardened runs containers that may do less than buildah's: see hardenedScript.
func hardened(t *testing.T, b *build, certificates string) runtimeEngine {
	t.Helper()
	root, user := b.mount(t, runtime.GOARCH), b.inspect(t, runtime.GOARCH).Docker.Config.User
	for _, mountPoint := range []string{caFolder, "/proc"} { // Engines make them, too.
		if err := os.Mkdir(filepath.Join(root, mountPoint), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return runtimeEngine{command: func(environment []string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), "/bin/sh",
			append([]string{"-c", hardenedScript, "sh", root, certificates, user, "/todod"}, args...)...)
		cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, environment...)
		// The outer PID namespace has the container end with its shell.
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
		return cmd
	}}
}

// container is a running todod.
type container struct {
	*childprocess.Process
	printed *os.File      // The other end of its stdout and stderr.
	lines   *bufio.Reader // Reads printed, line by line.
}

// start starts todod in a container, until the test ends.
func (e runtimeEngine) start(t *testing.T, environment []string, args ...string) *container {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := e.command(environment, args...)
	cmd.Stdout, cmd.Stderr = writer, writer
	process, err := childprocess.Start(cmd)
	_ = writer.Close() // The container has its own.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		_ = reader.Close()
	})
	return &container{Process: process, printed: reader, lines: bufio.NewReader(reader)}
}

// run runs todod to its end and returns its exit code and what it printed.
func (e runtimeEngine) run(t *testing.T, environment []string, args ...string) (code int, printed string) {
	t.Helper()
	c := e.start(t, environment, args...)
	return c.ended(t)
}

// ended waits until the container has ended by itself, and returns its exit code and what
// it printed since the last line that was read.
func (c *container) ended(t *testing.T) (code int, printed string) {
	t.Helper()
	_ = c.printed.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(c.lines)
	if err != nil {
		t.Fatalf("the container does not end: %v\n%s", err, rest)
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatalf("the container does not end\n%s", rest)
	}
	return c.State().ExitCode(), string(rest)
}

// wait returns the next line of the log with this message, and passes over others.
func (c *container) wait(t *testing.T, message string) map[string]any {
	t.Helper()
	_ = c.printed.SetReadDeadline(time.Now().Add(patience))
	for {
		text, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("no line %q: %v; last: %q", message, err, text)
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a line that is no JSON object: %q", text)
		}
		if line["msg"] == message {
			return line
		}
	}
}

// todod returns the process ID of todod, which is the last of the engine's descendants.
func (c *container) todod(t *testing.T) int {
	t.Helper()
	id := c.ID()
	for {
		// Each thread has its own children.
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", id))
		if err != nil || len(files) == 0 {
			t.Fatalf("process %d has ended, %v", id, err)
		}
		var children []string
		for _, file := range files {
			children = append(children, strings.Fields(string(readFile(t, file)))...)
		}
		if len(children) == 0 {
			return id
		}
		if id, err = strconv.Atoi(children[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// status returns a line of a process's status in /proc.
func status(t *testing.T, id int, name string) string {
	t.Helper()
	for line := range strings.Lines(string(readFile(t, fmt.Sprintf("/proc/%d/status", id)))) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	t.Fatalf("process %d has no %s", id, name)
	return ""
}
