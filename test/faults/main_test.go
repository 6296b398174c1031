//go:build linux

package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"go.uber.org/goleak"
)

var (
	long    = flag.Bool("long", false, "run also what takes minutes")
	program = flag.String("todod", "../../bin/todod", "the service's `program`")
)

func TestMain(m *testing.M) {
	flag.Parse()
	started := time.Now()
	if _, err := os.Stat(*program); err != nil {
		fmt.Fprintln(os.Stderr, "faults: build the service first, with make build:", err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	// A limit of data ends its own part of a link, and the part before it waits for ever with
	// what it read meanwhile (toxiproxy 2.5, LimitDataToxic.Pipe).
	stuck := goleak.IgnoreTopFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe")
	if err := goleak.Find(stuck); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "faults: what outlives the tests:", err)
		code = 1
	}
	lookout.Report(results)
	wanted := rowsOfRun
	if *long {
		wanted = append(wanted, rowsOfLongRun...)
	}
	os.Exit(max(code, results.Finish(time.Since(started), wanted)))
}

// longOnly leaves a test to the long run.
func longOnly(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("part of the long run")
	}
}

// size returns one of two sizes of a fault: that of the run of some minutes, or
// that of the long run.
func size[T any](inShort, inLong T) T {
	if *long {
		return inLong
	}
	return inShort
}
