//go:build linux

package stack

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tick is the unit in which Linux tells processor time.
const Tick = 10 * time.Millisecond

// CPU returns the processor time that the process has used.
func (p *Process) CPU(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		t.Fatal(err)
	}
	// The name before them may have spaces.
	_, fields, _ := strings.Cut(string(stat), ") ")
	ticks := 0
	for _, field := range strings.Fields(fields)[11:13] { // utime, stime
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * Tick
}

// CPUFor returns the processor time that the process uses while f runs.
func (p *Process) CPUFor(t *testing.T, f func()) time.Duration {
	t.Helper()
	before := p.CPU(t)
	f()
	return p.CPU(t) - before
}

// OpenFiles returns how many files and connections the process has open.
func (p *Process) OpenFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Ended reports whether the process has.
func (p *Process) Ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// Goroutines ends the service and returns the goroutines that it had then, as
// the runtime prints them.
func (s *Todod) Goroutines(t *testing.T) []string {
	t.Helper()
	mark := s.Mark()
	s.Signal(syscall.SIGQUIT)
	select {
	case <-s.Done():
	case <-time.After(Patience):
		t.Fatal("it does not end")
	}
	return regexp.MustCompile(`(?m)^goroutine [1-9].*(\n.+)*`).FindAllString(s.Text(mark), -1)
}

// BeganWith counts goroutines by the function that they began with.
func BeganWith(goroutines []string) map[string]int {
	counts := make(map[string]int)
	for _, g := range goroutines {
		_, function, _ := strings.Cut(g, "created by ")
		function, _, _ = strings.Cut(function, " ")
		counts[function]++
	}
	return counts
}
