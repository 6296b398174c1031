// Command todod is the todo service.
//
//	todod serve          serves the API until SIGTERM, SIGINT or SIGHUP, then drains
//	todod migrate        brings the database to the schema, then exits
//	todod erase-user     removes all that is kept of a user
//	todod renew-epochs   has all clients that sync start again, as after a restore
//	todod move-user      moves a user to another database
//	todod list-users     prints the users of a database
//	todod healthcheck    asks the service beside it whether it is ready
//	todod version        prints the version
//	todod help           prints how to call it
//
// The README lists the settings, which come from the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// version is set by the build.
var version = "devel"

// usage is what `todod help` prints.
const usage = `todod keeps the todos of many users. Its settings come from the environment.

  todod serve                          API until SIGTERM, SIGINT or SIGHUP, then drain
  todod migrate [--allow-destructive]  bring the database to the schema
  todod erase-user SUBJECT             remove all todos of the user with this subject in their tokens
  todod renew-epochs                   have all clients that sync start again, after a restore
  todod move-user [-route COMMAND] SUBJECT
                                       move this user to the database at TARGET_DATABASE_URL, then run COMMAND SUBJECT
  todod move-user -abort [-without-target] SUBJECT
                                       give up a move that has not come to its switch
  todod list-users [-slots FIRST-LAST] print the users of these slots, one a line
  todod healthcheck                    exit 0 if the service at LISTEN_ADDR is ready, else 1
  todod version                        print the version
`

// errUsage means that the command line is not valid.
var errUsage = errors.New("no such command or flag; see todod help")

func main() {
	if os.Getenv("GOGC") == "" {
		keepHeapFloor()
	}
	giveMemoryBack()
	ctx, stop := untilAsked()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		// In the background, since its reader may have stopped.
		stderr := newLogWriter(os.Stderr)
		_, _ = fmt.Fprintln(stderr, "todod:", err) // Never fails.
		stderr.close()
		os.Exit(1)
	}
}

// run runs the command in args until it is done or ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	command, args := "", args
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		if len(args) > 0 {
			return errUsage
		}
		cfg, err := loadConfig[serveConfig](getenv)
		if err != nil {
			return err
		}
		log, logger := startLog(ctx, stdout, cfg.LogLevel, getenv)
		defer log.close()
		return serve(ctx, cfg, logger, log.linesLost)
	case "migrate":
		return migrate(ctx, args, getenv, stdout)
	case "erase-user":
		return eraseUser(ctx, args, getenv, stdout)
	case "renew-epochs":
		return renewEpochs(ctx, args, getenv, stdout)
	case "move-user":
		return moveUser(ctx, args, getenv, stdout)
	case "list-users":
		return listUsers(ctx, args, getenv, stdout, os.Stderr)
	case "healthcheck":
		if len(args) > 0 {
			return errUsage
		}
		cfg, err := loadConfig[healthcheckConfig](getenv)
		if err != nil {
			return err
		}
		return healthcheck(ctx, cfg, stdout)
	case "version":
		_, err := fmt.Fprintln(stdout, version)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	}
	return errUsage
}

// startLog returns the log of a command, which has to be closed, and its logger.
func startLog(ctx context.Context, stdout io.Writer, level logLevel, getenv func(string) string) (*logWriter, *slog.Logger) {
	log := newLogWriter(stdout)
	logger := newLogger(log, level)
	logIgnored(ctx, logger, getenv)
	return log, logger
}

// newLogger returns a logger that writes one JSON object per line.
func newLogger(stdout io.Writer, level logLevel) *slog.Logger {
	return slog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: slog.Level(level)}))
}
