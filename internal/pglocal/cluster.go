package pglocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// cluster is a folder with the data and the log of a PostgreSQL server. This process
// holds its lock.
type cluster struct {
	dir     string
	data    string
	account *account // The account that the programs run as; nil for this process's own.
	bin     string   // The folder of the programs that fit the data.
	lock    io.Closer
}

// openCluster locks the folder, and creates it when it is missing.
func openCluster(dir string) (_ *cluster, err error) {
	if dir == "" {
		return nil, errors.New("no folder given")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, data: filepath.Join(dir, "data")}
	if err := makeOpenFolder(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if c.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if c.account, err = unprivileged(c.data); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// makeOpenFolder creates a folder and its parents so that everybody can enter them,
// whatever this process's umask is. When this process is root, the server runs as
// another user. Existing folders stay as they are.
func makeOpenFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeOpenFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // Another process was faster.
		}
		return err
	}
	return os.Chmod(dir, 0o755) //nolint:gosec // G302: for somebody else, as said.
}

// waitForLock waits until no other process has the lock, and then locks a file as
// lockFile does.
func waitForLock(ctx context.Context, path string) (io.Closer, error) {
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		lock, err := lockFile(path)
		if !errors.Is(err, ErrInUse) {
			return lock, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// close releases the folder's lock.
func (c *cluster) close() { _ = c.lock.Close() }

// major returns the major version of PostgreSQL that created the data, or 0 when there
// is no data.
func (c *cluster) major() int {
	content, err := os.ReadFile(filepath.Join(c.data, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	return major
}

// prepare prepares the folder for a start. It gives the folder to the server's user,
// stops a server of an earlier process, and creates missing data.
func (c *cluster) prepare(ctx context.Context, disposable bool) error {
	if c.account != nil {
		if err := os.Chown(c.dir, int(c.account.uid), int(c.account.gid)); err != nil {
			return err
		}
		if err := c.run(ctx, "/bin/sh", "-c", "exit 0"); err != nil {
			return fmt.Errorf("%w: %s: user %s: choose a folder outside of private ones such as /root, or open its parents (chmod o+x): %w",
				ErrUnreachable, c.dir, c.account.name, err)
		}
	}
	if err := c.endStale(ctx); err != nil {
		return err
	}
	if c.major() != 0 {
		return nil
	}
	return c.initialize(ctx, disposable)
}

// initialize creates the data. It renames their folder when they are complete, so that
// an interrupted run leaves no incomplete data.
func (c *cluster) initialize(ctx context.Context, disposable bool) error {
	unfinished := c.data + ".new"
	args := []string{"-D", unfinished, "--username=" + Superuser, "--auth=trust", "--encoding=UTF8"}
	if disposable {
		args = append(args, "--no-sync")
	}
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // Not every system has the first.
		if err = os.RemoveAll(unfinished); err != nil {
			return err
		}
		err = c.run(ctx, filepath.Join(c.bin, "initdb"), append(args, "--locale="+locale)...)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(unfinished, c.data)
}

// endStale stops a server that an earlier process left running.
func (c *cluster) endStale(ctx context.Context) error {
	p := c.readPIDFile()
	if p.pid == 0 {
		return nil
	}
	if command, known := commandLine(ctx, p.pid); known && !strings.Contains(command, c.data) {
		// The process ID is free, or another process has it now. PostgreSQL would
		// take that process for a server and refuse to start.
		return os.Remove(c.pidFile())
	}
	if err := c.shutDown(ctx, "fast"); err != nil {
		return fmt.Errorf("stop process %d, the server that an earlier run left in %s: %w", p.pid, c.dir, err)
	}
	return nil
}

// shutDown stops the server that the PID file names and waits until it has ended, for
// at most half of stopTimeout.
func (c *cluster) shutDown(ctx context.Context, mode string) error {
	seconds := strconv.Itoa(int(stopTimeout / 2 / time.Second))
	return c.run(ctx, filepath.Join(c.bin, "pg_ctl"), "stop", "-D", c.data, "-m", mode, "-w", "-t", seconds)
}

// pidFile returns the path of a running server's PID file.
func (c *cluster) pidFile() string { return filepath.Join(c.data, "postmaster.pid") }

// pidFile is the content of a PID file; the zero value when there is none.
type pidFile struct {
	pid   int
	ready bool // The server accepts connections.
}

// readPIDFile reads the server's PID file.
func (c *cluster) readPIDFile() pidFile {
	content, err := os.ReadFile(c.pidFile())
	if err != nil {
		return pidFile{}
	}
	lines := strings.Split(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}
	}
	const status = 7 // The eighth line, since PostgreSQL 10.
	return pidFile{pid: pid, ready: len(lines) > status && strings.TrimSpace(lines[status]) == "ready"}
}

// confine makes a command run as the folder's user, not receive the terminal's Ctrl-C,
// and, where the system supports it, end with this process.
func (c *cluster) confine(cmd *exec.Cmd) {
	cmd.Dir = c.dir
	cmd.SysProcAttr = processAttributes(c.account)
	for _, variable := range os.Environ() {
		// PGDATA and others would change what the programs do.
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
}

// run runs a program to its end; its output is part of the error.
func (c *cluster) run(ctx context.Context, program string, args ...string) error {
	runtime.LockOSThread() // See Server.launch.
	defer runtime.UnlockOSThread()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = &output, &output
	c.confine(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// openLog opens the server's log, empty.
func (c *cluster) openLog() (*os.File, error) {
	return os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
}

// logFile returns the path of the server's log.
func (c *cluster) logFile() string { return filepath.Join(c.dir, "postgres.log") }

// logTail returns the end of the server's log.
func (c *cluster) logTail() string {
	const most = 2048
	content, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(content[max(0, len(content)-most):]))
}

// Remove deletes a folder with all its data. When an earlier process left the server
// running, Remove stops it first. It fails with [ErrInUse] when a process holds the
// folder.
func Remove(ctx context.Context, dir string) error {
	c, err := openCluster(dir)
	if err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}
	defer c.close()
	if major := c.major(); major != 0 {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		var found bool
		if c.bin, found = choose(ctx, c.account, major); !found {
			return errors.New("pglocal: " + missing(major))
		}
		if err := c.endStale(ctx); err != nil {
			return fmt.Errorf("pglocal: %w", err)
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}
	return nil
}
