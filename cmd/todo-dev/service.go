package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

const migrateTimeout = time.Minute

// tododPIDFile names the service's process, in the folder where it runs.
const tododPIDFile = "todod.pid"

// todod starts the service's program.
type todod struct {
	path        string // Absolute.
	dir         string // Where it runs. It holds no .env, which would be read.
	databaseURL string
}

// migrate brings the database to the schema.
func (t *todod) migrate(ctx context.Context) error {
	p, err := launch("todod migrate", t.command([]string{"migrate"}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("todod migrate: %w\n%s", p.err, p.output.tail())
		}
		return nil
	case <-ctx.Done():
		_ = p.stop() // Fails, since the migration is interrupted.
		return fmt.Errorf("todod migrate: %w\n%s", ctx.Err(), p.output.tail())
	}
}

// serve runs the service on the port, or on the next that is free, and returns
// when it is ready. Pages of the given origins may call it.
func (t *todod) serve(ctx context.Context, port int, issuer, origins string) (*child, error) {
	address, err := freeAddress(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("the service: %w", err)
	}
	cmd := t.command([]string{"serve"},
		"LISTEN_ADDR="+address.String(),
		"BETTER_AUTH_URL="+issuer,
		"CORS_ORIGINS="+origins,
		// Empty means not set, whatever the environment says.
		"JWT_ISSUER=",
		"JWT_AUDIENCE=",
		"SHUTDOWN_DELAY=",
	)
	return startChild(ctx, "todod", cmd, localURL(address), "/readyz", filepath.Join(t.dir, tododPIDFile))
}

// command returns todod's command line, with an environment of settings.
func (t *todod) command(args []string, settings ...string) *exec.Cmd {
	// No context: stop ends the process, and lets it drain.
	cmd := exec.CommandContext(context.Background(), t.path, args...)
	cmd.Dir = t.dir
	cmd.Env = environment(append(settings, "DATABASE_URL="+t.databaseURL, "DATABASE_DIRECT_URL=")...)
	return cmd
}
