package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// describe says where a run takes place, and with what.
func describe(ctx context.Context, st *stack) (string, error) {
	version, err := exec.CommandContext(ctx, st.todod, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", st.todod, err)
	}
	// On tmpfs a database's writes cost nothing, and its rates say little.
	filesystem, err := exec.CommandContext(ctx, "df", "--output=fstype", st.dir).Output()
	if err != nil {
		return "", fmt.Errorf("df: %w", err)
	}
	conn, err := st.connect(ctx, "postgres")
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var postgres string
	if err := conn.QueryRow(ctx, "SHOW server_version").Scan(&postgres); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d cores, %s of memory, Linux %s; %s; PostgreSQL %s; data on %s; todod %s",
		after("/proc/cpuinfo", "model name\t: "), runtime.NumCPU(), after("/proc/meminfo", "MemTotal:"), after("/proc/sys/kernel/osrelease", ""),
		runtime.Version(), postgres, strings.TrimSpace(strings.TrimPrefix(string(filesystem), "Type")), strings.TrimSpace(string(version))), nil
}

// after returns the rest of the first line of a file that begins with a
// prefix, "" where there is none.
func after(path, prefix string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if rest, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
