package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"example.com/todo-backend/bench/internal/load"
)

const (
	countLength   = time.Second
	profileLength = 8 * time.Second // For each protocol.
	probePoll     = 5 * time.Millisecond
	probeTimeout  = 10 * time.Second
)

// probed is a service that tells of itself when it gets a signal: what it has
// allocated, and where its CPU time goes. The service has no such door; this is
// another build of it, with one more file.
type probed struct {
	*subject
	folder  string
	counted int
}

// startProbed builds the service with probe/probe.go in it and starts it
// beside a subject, on the same database.
func startProbed(ctx context.Context, st *stack, s *subject) (*probed, error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, "cmd", "todod", "probe.go"): filepath.Join(root, "bench", "probe", "probe.go"),
	}})
	if err != nil {
		return nil, err
	}
	overlayFile, program := filepath.Join(st.dir, "overlay.json"), filepath.Join(st.dir, "todod-probe")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags=probe", "-overlay="+overlayFile, "-o", program, "./cmd/todod")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the service with its probe, in the repository's folder: %w\n%s", err, output)
	}
	folder := filepath.Join(st.dir, "probe")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	service, _, err := st.startService(ctx, program, s.data.name, "", "TODOD_PROBE="+folder)
	if err != nil {
		return nil, err
	}
	return &probed{folder: folder, subject: s.beside(service)}, nil
}

// stop ends the service; the connection is the first subject's.
func (p *probed) stop() error { return p.service.stop() }

// allocated returns the number of allocations that the service has made.
func (p *probed) allocated(ctx context.Context) (uint64, error) {
	path := filepath.Join(p.folder, fmt.Sprintf("counters-%d.json", p.counted))
	p.counted++
	if err := p.ask(ctx, syscall.SIGUSR1, path); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var counters struct{ Mallocs uint64 }
	err = json.Unmarshal(text, &counters)
	return counters.Mallocs, err
}

// ask sends a signal and waits for the file that it makes appear.
func (p *probed) ask(ctx context.Context, s syscall.Signal, path string) error {
	if err := p.service.cmd.Process.Signal(s); err != nil {
		return err
	}
	timeout := time.NewTimer(probeTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(probePoll)
	defer poll.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.service.done:
			return fmt.Errorf("the service ended: %w\n%s", p.service.err, p.service.stderr.Bytes())
		case <-timeout.C:
			return fmt.Errorf("the service did not write %s", path)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// countAllocations fills in how many allocations a call takes, those of
// net/http and the driver included.
func countAllocations(ctx context.Context, o options, st *stack, s *subject, lines []line, progress io.Writer) (err error) {
	p, err := startProbed(ctx, st, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	counts := make(map[string]float64)
	for _, sc := range scenarios() {
		for _, c := range o.plan(sc) {
			if c.callers != usualCallers {
				continue
			}
			spare, err := p.prepare(ctx, sc, countLength)
			if err != nil {
				return err
			}
			before, err := p.allocated(ctx)
			if err != nil {
				return err
			}
			r, err := load.Closed(ctx, p.target(c.protocol), c.callers, p.data.sources(sc, spare), load.Window{Length: countLength})
			if err != nil {
				return err
			}
			after, err := p.allocated(ctx)
			if err != nil {
				return err
			}
			counts[c.String()] = float64(after-before) / float64(r.Made)
			_, _ = fmt.Fprintf(progress, "%s/%s: %.0f allocations\n", sc.name, c.protocol, counts[c.String()])
		}
	}
	for i := range lines {
		lines[i].Allocations = counts[lines[i].key()]
	}
	return nil
}

// writeProfile writes a CPU profile of the service under the mix, over every
// protocol for the same time.
func writeProfile(ctx context.Context, o options, progress io.Writer) (err error) {
	st, err := newStack(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	s, err := newSmallSubject(ctx, st, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, err := startProbed(ctx, st, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.service.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	scenarios := scenarios()
	mix := scenarios[len(scenarios)-1]
	for _, protocol := range load.Protocols() {
		got, err := p.measureClosed(ctx, combination{mix, protocol, usualCallers}, profileLength)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(progress, "profiled: mix over %s: %.0f/s\n", protocol, got.Rate)
	}
	path := filepath.Join(p.folder, "cpu.pprof")
	if err := p.ask(ctx, syscall.SIGUSR2, path); err != nil {
		return err
	}
	profile, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(o.profile, profile, 0o644) //nolint:gosec // G306: it is meant to be committed.
}
