package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/todo"
)

const (
	// moveTimeout bounds a transaction of a move: that of the copy, and those that keep other
	// moves out meanwhile. A copy of a million todos takes minutes.
	moveTimeout = time.Hour
	// moveStatementTimeout bounds a statement, also a commit: it is time for a standby to
	// answer. A database that falls silent keeps the user from writing for so long.
	moveStatementTimeout = time.Minute
	// writesTimeout bounds the wait for writes of the user that are under way.
	writesTimeout = 10 * time.Second
	// moveConns is for the lock, for what is read, and for what is written.
	moveConns = 6
	// routeTimeout bounds each run of the command that tells the balancers.
	routeTimeout = time.Minute
	// routeAttempts is how often that is tried. A balancer may be starting anew.
	routeAttempts = 3
	// routePause is between the attempts.
	routePause = time.Second
	// routeOutput is how much of its output an error shows.
	routeOutput = 1000
)

// moveUser moves a user to another database, or aborts that.
func moveUser(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("move-user", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	route := flags.String("route", "", "")
	isAbort := flags.Bool("abort", false, "")
	withoutTarget := flags.Bool("without-target", false, "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 || *withoutTarget && !*isAbort {
		return errUsage
	}
	user, err := todo.ParseUserID(flags.Arg(0))
	if err != nil {
		return err
	}
	command := strings.Fields(*route)
	if len(command) > 0 {
		// It is run when the user can't write anywhere: too late for a typo.
		if command[0], err = exec.LookPath(command[0]); err != nil {
			return fmt.Errorf("the route can't be run: %w", err)
		}
	}
	cfg, err := loadConfig[moveConfig](getenv)
	if err != nil {
		return err
	}
	log, logger := startLog(ctx, stdout, cfg.LogLevel, getenv)
	defer log.close()

	source, err := openForMove(cmp.Or(cfg.DatabaseDirectURL, cfg.DatabaseURL), moveStatementTimeout, logger)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := openForMove(cfg.TargetDatabaseURL, moveStatementTimeout, logger)
	if err != nil {
		return err
	}
	defer target.Close()
	move := postgres.Move{
		From: postgres.NewStore(source, postgres.Config{Logger: logger}),
		To:   postgres.NewStore(target, postgres.Config{Logger: logger}),
		User: user, Logger: logger,
	}
	if len(command) > 0 {
		move.Route = func(ctx context.Context) error { return tryRoute(ctx, append(command, user.String())) }
	}
	what, run := "the move", move.Run
	if *isAbort {
		what, run = "the abort of the move", move.Abort
	}
	if *withoutTarget {
		run = move.AbortWithoutTarget
	}
	return moveError(user, what, run(ctx))
}

// moveError says what to do about an error of a move, or of its abort.
func moveError(user todo.UserID, what string, err error) error {
	switch _, isRefused := errors.AsType[*postgres.MoveRefusedError](err); {
	case err == nil:
		return nil
	case isRefused:
		return fmt.Errorf("%s of %q is refused: %w", what, user, err)
	}
	return fmt.Errorf("%s of %q is not done: %w; the user may be unable to write until it is: to go on, run the same command again", what, user, err)
}

// openForMove opens a database with a service's bounds, but for what takes longer than a call
// may.
func openForMove(url databaseURL, statementTimeout time.Duration, logger *slog.Logger) (*database.DB, error) {
	bounds := database.UsualBounds()
	bounds.Acquire = bounds.Connect
	bounds.Alone, bounds.Statement, bounds.TransactionLock = moveTimeout, statementTimeout, writesTimeout
	return database.Open(database.Config{URL: string(url), MaxConns: moveConns, Logger: logger, Bounds: bounds})
}

// tryRoute runs a command until it succeeds, some times.
func tryRoute(ctx context.Context, command []string) (err error) {
	for n := range routeAttempts {
		if n > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(routePause):
			}
		}
		if err = runRoute(ctx, command); err == nil {
			return nil
		}
	}
	return err
}

// runRoute runs a command without the databases' passwords in its environment.
func runRoute(ctx context.Context, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, routeTimeout)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	inGroup(cmd)
	cmd.WaitDelay = time.Second // Something else may keep its output open.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"DATABASE_URL", "DATABASE_DIRECT_URL", "TARGET_DATABASE_URL"}, name)
	})
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(output.String())
		return fmt.Errorf("%s: %w: %.*s", command[0], errors.Join(err, ctx.Err()), routeOutput, said)
	}
	return nil
}
