//go:build linux

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// mebibytes is an amount of memory.
type mebibytes float64

func (m mebibytes) String() string { return fmt.Sprintf("%.1f MiB", float64(m)) }

// resetPeak begins a new measurement of the memory's peak, and returns the
// memory in use.
func (p *process) resetPeak(t *testing.T) mebibytes {
	t.Helper()
	if err := os.WriteFile(p.proc("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return p.memory(t, "VmRSS")
}

// peak returns the most memory that was in use since the last resetPeak.
func (p *process) peak(t *testing.T) mebibytes {
	t.Helper()
	return p.memory(t, "VmHWM")
}

// memory reads a line of the process's status, which is in KiB.
func (p *process) memory(t *testing.T, name string) mebibytes {
	t.Helper()
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return mebibytes(kib) / 1024
		}
	}
	t.Fatalf("no %s in %s", name, p.proc("status"))
	return 0
}
