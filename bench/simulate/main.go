// Command simulate computes what so many users need, and simulates what can't be measured on
// one machine: tail latency over cells, the polls for watchers, the failover of a cell and a
// rolling restart. docs/scaling.md shows what it prints, by
//
//	go run -C bench ./simulate -seed 1
//
// The same seed gives the same output. What it assumes of users are flags; what it knows of
// the service was measured by the commands that it names. It takes its random numbers, their
// distributions and its queue of events from Go's library, which has them all.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// run prints the tables.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", 1, "`number` that chance depends on")
	a := usualAssumptions()
	a.define(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New("takes flags only")
	}
	if err := a.check(); err != nil {
		return err
	}
	f := measured()
	for _, next := range []func() *table{
		a.table,
		f.table,
		func() *table { return planTable(a, &f) },
		func() *table { return costTable(a, &f) },
		func() *table { return cellsTable(*seed, a, &f) },
		func() *table { return watchersTable(*seed, a, &f) },
		func() *table { return failoverTable(*seed, a, &f) },
		func() *table { return restartTable(*seed, a, &f) },
	} {
		if err := next().write(stdout); err != nil {
			return err
		}
	}
	return nil
}
