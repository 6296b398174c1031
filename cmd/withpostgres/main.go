// Command withpostgres runs another command beside a throwaway PostgreSQL server on
// this machine. The command's environment gets two empty databases: ATLAS_DEV_URL, in
// which Atlas plans migrations, and DATABASE_URL, unless the environment already names
// a database. The server's programs are found or downloaded as for tests.
//
//	go run ./cmd/withpostgres COMMAND [ARGUMENT]...
//	go run ./cmd/withpostgres
//
// Without a command it makes sure that PostgreSQL is available, and starts no server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"example.com/todo-backend/internal/pglocal"
)

// startTimeout is long enough for a download.
const startTimeout = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	var failed commandError
	switch {
	case errors.As(err, &failed):
		os.Exit(failed.code)
	case err != nil:
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		os.Exit(1)
	}
}

// commandError is the failure of the command, which has printed why.
type commandError struct{ code int }

func (e commandError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// run starts the server, runs the command and stops the server.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	mirror := getenv(pglocal.MirrorVariable)
	if len(args) == 0 {
		_, err := pglocal.Find(ctx, mirror, stderr)
		return err
	}
	server, remove, err := startServer(ctx, pglocal.Config{Mirror: mirror, Progress: stderr, Disposable: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	// Every new server has these two empty databases.
	cmd.Env = append(cmd.Environ(), "ATLAS_DEV_URL="+server.URL("postgres"))
	if getenv("DATABASE_URL") == "" && getenv("DATABASE_DIRECT_URL") == "" {
		_, _ = fmt.Fprintln(stderr, "withpostgres: DATABASE_URL is not set: using an empty database")
		cmd.Env = append(cmd.Env, "DATABASE_URL="+server.URL("template1"))
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return commandError{max(1, failed.ExitCode())} // ExitCode is -1 after a signal.
	}
	return err
}

// startServer starts a server in a temporary folder. The returned function stops the
// server and removes the folder.
func startServer(ctx context.Context, config pglocal.Config) (_ *pglocal.Server, remove func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "todo-withpostgres-")
	if err != nil {
		return nil, nil, err
	}
	config.Dir = dir
	server, err := pglocal.Start(ctx, config)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, func() error { return errors.Join(server.Stop(), os.RemoveAll(dir)) }, nil
}
