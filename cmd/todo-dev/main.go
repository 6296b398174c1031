// Command todo-dev runs everything on one machine for development, without
// configuration: its own PostgreSQL, an issuer of access tokens like Better Auth, and
// todod as a child process, configured by environment variables as in production.
//
//	todo-dev [-todod FILE] [-dir FOLDER] [-port N] [-issuer-port N]
//
// It prints commands to paste, and then the service's log. The issuer, or the page if
// there is one, shows the API's description at /docs/, where operations can be tried,
// and serves a token for a shell at /token. Ctrl-C ends everything. The database and the
// issuer's key are kept in the folder, so todos and tokens stay valid over restarts.
//
//	todo-dev -web FOLDER [-page-port N] [...]
//
// runs the real Better Auth as the issuer, and serves the web page. The folder is the
// repository's web, with its packages installed and the page built. Users sign up in
// the page, and are kept too.
//
// Settings of todod in the environment, such as LOG_LEVEL, are passed on, except those
// that todo-dev has to set. CORS_ORIGINS names further pages that may call, besides
// those of the usual development servers. POSTGRES_MIRROR names the Maven repository to
// download PostgreSQL from if it is not installed.
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
	"syscall"
)

const usage = `usage: todo-dev [flags]
  -todod FILE      the service to run (bin/todod)
  -dir FOLDER      where the database and the issuer's key are kept (.dev)
  -port N          the port of the service, or the next that is free (8080)
  -issuer-port N   the port of the issuer, or the next that is free (8081)
  -web FOLDER      run Better Auth and serve the web page of this folder, instead
                   of the issuer that is built in; it needs Node.js
  -page-port N     the port of the page, or the next that is free (5173)
A port of 0 is any that is free.
`

func main() {
	// A terminal that is closed sends SIGHUP.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "todo-dev:", err)
		os.Exit(1)
	}
}

// run starts everything, waits until ctx ends, and ends everything.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) (err error) {
	opts, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	if err != nil {
		return err
	}
	s := &stack{options: opts, parts: newParts(), getenv: getenv, stdout: stdout}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C during the start caused the error.
		}
		return err
	}
	return s.wait(ctx)
}

// options are the options of the command line.
type options struct {
	todod      string // Absolute.
	dir        string // As given, for messages.
	port       int
	issuerPort int
	web        string // Empty for the built-in issuer, without a page.
	pagePort   int
}

// parseOptions parses the command line. It fails with [flag.ErrHelp] when help is
// requested.
func parseOptions(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("todo-dev", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opts.todod, "todod", filepath.Join("bin", "todod"), "")
	flags.StringVar(&opts.dir, "dir", ".dev", "")
	flags.IntVar(&opts.port, "port", 8080, "")
	flags.IntVar(&opts.issuerPort, "issuer-port", 8081, "")
	flags.StringVar(&opts.web, "web", "", "")
	flags.IntVar(&opts.pagePort, "page-port", 5173, "")
	if err := flags.Parse(args); err != nil {
		return opts, fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q\n%s", flags.Arg(0), usage)
	}
	for _, port := range []int{opts.port, opts.issuerPort, opts.pagePort} {
		if port < 0 || port > maxPort {
			return opts, fmt.Errorf("port %d is not from 0 to %d", port, maxPort)
		}
	}
	var err error
	if opts.todod, err = filepath.Abs(opts.todod); err != nil {
		return opts, err
	}
	if _, err := os.Stat(opts.todod); err != nil {
		return opts, fmt.Errorf("the service: %w: build it with `make build`, or name it with -todod", err)
	}
	return opts, nil
}
