//go:build linux

package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"go.uber.org/goleak"
)

var (
	long    = flag.Bool("long", false, "run also what takes minutes")
	program = flag.String("todod", "../../bin/todod", "the service's `program`")
)

func TestMain(m *testing.M) {
	flag.Parse()
	started := time.Now()
	if _, err := os.Stat(*program); err != nil {
		fmt.Fprintln(os.Stderr, "faults: build the service first, with make build:", err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "faults: what outlives the tests:", err)
		code = 1
	}
	os.Exit(max(code, report.finish(time.Since(started))))
}

// longOnly leaves a test to the long run.
func longOnly(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("part of the long run")
	}
}

// size returns one of two sizes of a fault: that of the run of some minutes, or
// that of the long run.
func size[T any](inShort, inLong T) T {
	if *long {
		return inLong
	}
	return inShort
}

// needProgram returns the path of a program of Debian's package of that name.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		// Where daemons are, which users other than root seldom have in PATH.
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		t.Fatalf("%s is missing: apt-get install -y --no-install-recommends %s", name, name)
	}
	return path
}

// eventually waits until something is so, and returns how long that took.
func eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	started := time.Now()
	for !so() {
		if time.Since(started) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond) // Between two looks.
	}
	return time.Since(started)
}
