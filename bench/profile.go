package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"
)

const (
	profileLength = 8 * time.Second // Of each protocol.
	// refillTime is more than it takes to store the todos anew before each.
	// Meanwhile the service is idle, which adds nothing to a CPU profile.
	refillTime = 3 * time.Second
)

// writeProfile writes a CPU profile of the service under the mix, over every
// protocol for the same time. The service has to be built with pprof/pprof.go, as
// `make bench-profile` does.
func writeProfile(ctx context.Context, o options, progress io.Writer) (err error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	o.settings = append(slices.Clone(o.settings), "TODOD_PPROF="+addr)
	st, err := newStack(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	s, err := newSmallSubject(ctx, st, true, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	length := time.Duration(len(protocols())) * (profileLength + refillTime)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", addr, length.Seconds()), http.NoBody)
	if err != nil {
		return err
	}
	profiled := make(chan error, 1)
	go func() {
		profile, err := fetch(r)
		if err == nil {
			err = os.WriteFile(o.profile, profile, 0o644) //nolint:gosec // G306: it is meant to be committed.
		}
		profiled <- err
	}()
	all := scenarios()
	for _, protocol := range protocols() {
		got, err := s.measure(ctx, combination{all[len(all)-1], protocol, usualCallers}, 0, profileLength)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(progress, "profiled: mix over %s: %.0f/s\n", protocol, got.rate)
	}
	return <-profiled
}
