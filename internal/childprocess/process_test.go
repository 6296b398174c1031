//go:build unix

package childprocess_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/childprocess"
)

// testTimeout bounds what has to happen.
const testTimeout = 30 * time.Second

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell returns a command that runs a script.
func shell(script string) *exec.Cmd {
	return exec.CommandContext(context.Background(), "sh", "-c", script)
}

// start starts a script that says when it is ready, and waits for that.
func start(t *testing.T, script string) *childprocess.Process {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := shell(script)
	cmd.Stdout = writer
	p, err := childprocess.Start(cmd)
	_ = writer.Close() // The process has its own.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	_ = reader.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := io.ReadFull(reader, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStartAndRunFailAsExecDoes(t *testing.T) {
	t.Parallel()
	missing := func() *exec.Cmd { return exec.CommandContext(context.Background(), "/no/such/program") }
	if p, err := childprocess.Start(missing()); p != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start of a program that is missing: %v, %v", p, err)
	}
	if err := childprocess.Run(missing()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run of a program that is missing: %v", err)
	}
	var failed *exec.ExitError
	if err := childprocess.Run(shell("exit 3")); !errors.As(err, &failed) || failed.ExitCode() != 3 {
		t.Errorf("Run of a program that fails: %v", err)
	}
	if err := childprocess.Run(shell("exit 0")); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStopAsksFirst(t *testing.T) {
	t.Parallel()
	p := start(t, `trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
	var failed *exec.ExitError
	if err := p.Stop(testTimeout); !errors.As(err, &failed) || failed.ExitCode() != 7 {
		t.Errorf("Stop: %v, want the exit code 7", err)
	}
	if err := p.Stop(testTimeout); !errors.As(err, &failed) {
		t.Errorf("Stop of a process that has ended: %v, want how it did", err)
	}
	if code := p.State().ExitCode(); code != 7 {
		t.Errorf("State: exit code %d", code)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	p := start(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	if err := p.Stop(10 * time.Millisecond); !errors.Is(err, childprocess.ErrKilled) {
		t.Errorf("Stop: %v, want ErrKilled", err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("it still runs")
	}
}

func TestTheTerminalsSignalsDoNotReachIt(t *testing.T) {
	t.Parallel()
	p := start(t, `echo ready; exec sleep 600`)
	group, err := syscall.Getpgid(p.ID())
	if err != nil || group != p.ID() {
		t.Errorf("the process group is %d, %v, want one of its own, %d", group, err, p.ID())
	}
}
