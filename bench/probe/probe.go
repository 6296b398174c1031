//go:build probe

// This file becomes part of cmd/todod in a build of the bench's own, by the go
// command's -overlay: see ../probe.go. No other build of the service has it, so
// that there is nothing in production to reach it by.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
)

// init is the one way in that leaves main as it is.
func init() {
	folder := os.Getenv("TODOD_PROBE")
	if folder == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		if err := probe(folder, signals); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
	}()
}

// probe writes counters-0.json, counters-1.json and so on, one at each SIGUSR1,
// and cpu.pprof, what happened between one SIGUSR2 and the next.
func probe(folder string, signals <-chan os.Signal) error {
	counted := 0
	var profile *os.File
	for s := range signals {
		if s == syscall.SIGUSR1 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			text, err := json.Marshal(map[string]uint64{"mallocs": m.Mallocs, "bytes": m.TotalAlloc})
			if err != nil {
				return err
			}
			path := filepath.Join(folder, fmt.Sprintf("counters-%d.json", counted))
			counted++
			if err := os.WriteFile(path+".new", text, 0o600); err != nil {
				return err
			}
			if err := os.Rename(path+".new", path); err != nil {
				return err
			}
			continue
		}
		path := filepath.Join(folder, "cpu.pprof")
		if profile == nil {
			var err error
			if profile, err = os.Create(path + ".new"); err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(profile); err != nil {
				return err
			}
			continue
		}
		pprof.StopCPUProfile()
		if err := profile.Close(); err != nil {
			return err
		}
		profile = nil
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}
