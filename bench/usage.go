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
// and of this process with the programs that it ran.
type meter struct {
	service, postmaster int
}

func (m meter) read() (usage, error) {
	var u usage
	service, err := readStat(fmt.Sprintf("/proc/%d/stat", m.service))
	if err != nil {
		return u, err
	}
	u.service = service.own
	if u.postgres, err = m.readPostgres(); err != nil {
		return u, err
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return u, err
		}
		u.bench += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// readPostgres reads again when a backend has ended meanwhile, as those of pgbench do
// just before a measurement: its time would count nowhere, or twice.
func (m meter) readPostgres() (time.Duration, error) {
	for {
		before, err := readStat(fmt.Sprintf("/proc/%d/stat", m.postmaster))
		if err != nil {
			return 0, err
		}
		sum := before.own + before.ended
		all, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			return 0, err
		}
		for _, path := range all {
			if s, err := readStat(path); err == nil && s.parent == m.postmaster { // Else it has just ended.
				sum += s.own
			}
		}
		after, err := readStat(fmt.Sprintf("/proc/%d/stat", m.postmaster))
		if err != nil || after.ended == before.ended {
			return sum, err
		}
	}
}

// stat is what a process has used itself, and what those of its children have
// that ended.
type stat struct {
	parent     int
	own, ended time.Duration
}

// readStat reads a file like /proc/PID/stat (proc(5)).
func readStat(path string) (stat, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // The name before may hold spaces.
	const parent, user, ended = 1, 11, 15
	if len(fields) < ended {
		return stat{}, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	var numbers [5]int
	for i, field := range append([]string{fields[parent]}, fields[user:ended]...) {
		if numbers[i], err = strconv.Atoi(field); err != nil {
			return stat{}, err
		}
	}
	return stat{numbers[0], time.Duration(numbers[1]+numbers[2]) * tick, time.Duration(numbers[3]+numbers[4]) * tick}, nil
}

// peakMemory returns the most memory that a process had resident since
// forgetPeak, in bytes.
func peakMemory(pid int) (int64, error) {
	kib, err := strconv.ParseInt(strings.TrimSuffix(after(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:"), " kB"), 10, 64)
	return kib << 10, err
}

// forgetPeak makes the most memory that a process had what it has now.
func forgetPeak(pid int) error {
	const peak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0)
}
