//go:build linux

package faults

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tick is the unit in which Linux tells processor time.
const tick = 10 * time.Millisecond

// cpu returns the processor time that the process has used.
func (p *process) cpu(t *testing.T) time.Duration {
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
	return time.Duration(ticks) * tick
}

// cpuFor returns the processor time that the process uses while f runs.
func (p *process) cpuFor(t *testing.T, f func()) time.Duration {
	t.Helper()
	before := p.cpu(t)
	f()
	return p.cpu(t) - before
}

// files returns how many files and connections the process has open.
func (p *process) files(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// ended reports whether the process has.
func (p *process) ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// goroutines ends the service and returns the goroutines that it had then, as
// the runtime prints them.
func (s *todod) goroutines(t *testing.T) []string {
	t.Helper()
	mark := s.mark()
	s.signal(syscall.SIGQUIT)
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	return regexp.MustCompile(`(?m)^goroutine [1-9].*(\n.+)*`).FindAllString(s.text(mark), -1)
}

// beganWith counts goroutines by the function that they began with.
func beganWith(goroutines []string) map[string]int {
	counts := make(map[string]int)
	for _, g := range goroutines {
		_, function, _ := strings.Cut(g, "created by ")
		function, _, _ = strings.Cut(function, " ")
		counts[function]++
	}
	return counts
}
