//go:build linux

package stack

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Mebibytes is an amount of memory.
type Mebibytes float64

// String has one decimal.
func (m Mebibytes) String() string { return fmt.Sprintf("%.1f MiB", float64(m)) }

// ResetPeak begins a new measurement of the memory's peak, and returns the
// memory in use.
func (p *Process) ResetPeak(t *testing.T) Mebibytes {
	t.Helper()
	if err := os.WriteFile(p.proc("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return p.Memory(t, "VmRSS")
}

// Peak returns the most memory that was in use since the last ResetPeak.
func (p *Process) Peak(t *testing.T) Mebibytes {
	t.Helper()
	return p.Memory(t, "VmHWM")
}

// Memory reads a line of the process's status, which is in KiB.
func (p *Process) Memory(t *testing.T, name string) Mebibytes {
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
			return Mebibytes(kib) / 1024
		}
	}
	t.Fatalf("no %s in %s", name, p.proc("status"))
	return 0
}
