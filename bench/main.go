// Command bench measures the service against the database's own limit: the
// real binary with real tokens over every protocol, and the same SQL through
// pgbench, on the same PostgreSQL in the same run. docs/performance.md says how
// to read what it prints. It runs in the repository's folder, by `make bench`,
// and needs Linux, where it reads in /proc what a call costs, and wrk, which makes
// the calls over HTTP/1.1.
//
// It is a module of its own, so that the service's names nothing of what only
// measuring needs:
//
//   - golang.org/x/net has HTTP/2's frames and header compression, for gRPC; a
//     whole HTTP/2 client would cost more than the service does (see calls.make).
//   - github.com/jackc/pgx/v5 fills the database.
//   - google.golang.org/protobuf encodes the calls.
//   - connectrpc.com/connect and github.com/google/go-cmp are its tests': a
//     handler to call, and readable differences.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, or does the other things that flags ask for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o options
	o.large = dataset{name: "large", users: 10_000, fixed: true}
	flags.StringVar(&o.todod, "todod", "bin/todod", "the service's `binary`")
	flags.StringVar(&o.data, "data", os.TempDir(), "`folder` for the database, on a disk rather than in memory")
	flags.StringVar(&o.results, "results", "bench/results", "`folder` to write results.md to")
	flags.StringVar(&o.profile, "profile", "", "measure nothing, and write a CPU profile of the service to this `file`")
	flags.DurationVar(&o.window, "window", 2*time.Second, "`time` of one measurement, in whole seconds")
	flags.IntVar(&o.rounds, "rounds", 3, "`number` of times to measure everything")
	flags.BoolVar(&o.full, "full", false, "measure all combinations of scenario, protocol and callers")
	flags.Int64Var(&o.large.todos, "large", 10_000_000, "`todos` of the large dataset, at least as many as its users; 0 leaves it out; two services are compared on it only when this is set")
	flags.Int64Var(&o.large.users, "large-users", o.large.users, "`users` of the large dataset")
	flags.Func("set", "start the service with a setting, `NAME=VALUE`; may be repeated", addTo(&o.settings))
	flags.StringVar(&o.beside, "beside", "", "measure only how another `binary` of the service compares, in turn with the first")
	flags.Func("beside-set", "the same, of a service with another setting, `NAME=VALUE`; may be repeated", addTo(&o.besideSettings))
	only := flags.String("only", "", "measure only what matches a `pattern`, such as ^get/gRPC/100$")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if runtime.GOOS != "linux" {
		return errors.New("needs Linux, to read in /proc what calls cost")
	}
	largeSet := false
	flags.Visit(func(f *flag.Flag) { largeSet = largeSet || f.Name == "large" })
	if o.compares() && !largeSet {
		o.large.todos = 0
	}
	if o.rounds < 1 || o.window < time.Second || o.window%time.Second != 0 || o.large.todos != 0 && o.large.todos < o.large.users || o.large.users < 1 {
		return errors.New("rounds must be positive, window whole seconds (wrk and pgbench know no parts of one), and large at least the number of users")
	}
	err := findWrk()
	if err != nil {
		return err
	}
	if *only != "" {
		if o.only, err = regexp.Compile(*only); err != nil {
			return err
		}
	}
	if o.todod, err = filepath.Abs(o.todod); err != nil {
		return err
	}
	if o.compares() {
		return compare(ctx, o, stdout, stderr)
	}
	if o.profile != "" {
		return writeProfile(ctx, o, stderr)
	}
	r, err := bench(ctx, o, stderr)
	if err != nil {
		return err
	}
	return o.save(r, stdout)
}

// addTo returns a flag's function that adds a setting.
func addTo(settings *[]string) func(string) error {
	return func(setting string) error {
		if !strings.Contains(setting, "=") {
			return errors.New("must be NAME=VALUE")
		}
		*settings = append(*settings, setting)
		return nil
	}
}

// save writes the tables to their file and prints them.
func (o options) save(r *results, stdout io.Writer) error {
	if err := os.MkdirAll(o.results, 0o750); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(o.results, "results.md"))
	if err != nil {
		return err
	}
	return errors.Join(r.write(io.MultiWriter(file, stdout)), file.Close())
}
