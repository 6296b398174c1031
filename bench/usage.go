package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU time in /proc (proc(5): USER_HZ).
const tick = 10 * time.Millisecond

// usage is the CPU time that has been used so far.
type usage struct {
	service, postgres, bench time.Duration
}

func (u usage) minus(before usage) usage {
	return usage{u.service - before.service, u.postgres - before.postgres, u.bench - before.bench}
}

// meter reads the CPU time of the service, of PostgreSQL with its backends,
// and of this process.
type meter struct {
	service, postmaster int
}

func (m meter) read() (usage, error) {
	own, _, err := cpuTime(m.service)
	if err != nil {
		return usage{}, err
	}
	database, err := familyTime(m.postmaster)
	if err != nil {
		return usage{}, err
	}
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return usage{}, err
	}
	return usage{own, database, time.Duration(self.Utime.Nano() + self.Stime.Nano())}, nil
}

// familyTime returns what a process, its children and those of them that have
// ended have used.
func familyTime(parent int) (time.Duration, error) {
	own, ended, err := cpuTime(parent)
	if err != nil {
		return 0, err
	}
	total := own + ended
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		fields, err := statFields(filepath.Join(folder, "stat"))
		if err != nil || fields[statParent] != strconv.Itoa(parent) {
			continue // Another's, or it has just ended.
		}
		own, _, err := times(fields)
		if err != nil {
			return 0, err
		}
		total += own
	}
	return total, nil
}

// The places in what statFields returns.
const (
	statParent        = 1
	statUser          = 11
	statSystem        = 12
	statUserChildren  = 13
	statChildrenEnded = 14
)

// statFields returns the fields of a process that follow its name, which may
// hold spaces.
func statFields(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= statChildrenEnded {
		return nil, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	return fields, nil
}

// cpuTime returns what a process has used itself, and what those of its
// children have that ended.
func cpuTime(pid int) (own, ended time.Duration, err error) {
	fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	return times(fields)
}

func times(fields []string) (own, ended time.Duration, err error) {
	var ticks [4]time.Duration
	for i, place := range []int{statUser, statSystem, statUserChildren, statChildrenEnded} {
		n, err := strconv.ParseInt(fields[place], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		ticks[i] = time.Duration(n) * tick
	}
	return ticks[0] + ticks[1], ticks[2] + ticks[3], nil
}

// peakMemory returns the most memory that a process had resident since
// forgetPeak, in bytes.
func peakMemory(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(content), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 10, 64)
	return kib << 10, err
}

// forgetPeak makes the most memory that a process had what it has now.
func forgetPeak(pid int) error {
	const peak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0)
}
