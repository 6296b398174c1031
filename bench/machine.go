package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is where a run took place, and with what.
type machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Memory     string `json:"memory"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql"`
	Filesystem string `json:"filesystem"` // That the database is on.
	Version    string `json:"version"`    // Of the service.
}

func describe(ctx context.Context, st *stack) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.CPU = strings.TrimPrefix(strings.TrimSpace(after("/proc/cpuinfo", "model name")), ": ")
	m.Memory = strings.TrimSpace(after("/proc/meminfo", "MemTotal:"))
	m.Kernel = strings.TrimSpace(after("/proc/sys/kernel/osrelease", ""))
	m.Filesystem = filesystem(st.dir)
	version, err := exec.CommandContext(ctx, st.todod, "version").Output()
	if err != nil {
		return m, fmt.Errorf("%s version: %w", st.todod, err)
	}
	m.Version = strings.TrimSpace(string(version))
	conn, err := st.connect(ctx, "postgres")
	if err != nil {
		return m, err
	}
	defer conn.Close(ctx)
	return m, conn.QueryRow(ctx, "SHOW server_version").Scan(&m.PostgreSQL)
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
			return rest
		}
	}
	return ""
}

// filesystem returns the type of the file system that a folder is on. On tmpfs
// a database's writes cost nothing, and its rates say little.
func filesystem(folder string) string {
	content, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "unknown"
	}
	longest, kind := -1, "unknown"
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		at := strings.TrimSuffix(fields[1], "/")
		if len(at) >= longest && (folder == at || strings.HasPrefix(folder, at+"/")) {
			longest, kind = len(at), fields[2]
		}
	}
	return kind
}
