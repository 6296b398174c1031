package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	migrateTimeout = time.Minute
	readyTimeout   = 30 * time.Second
	readyPoll      = 20 * time.Millisecond
)

// browserOrigins are where the usual frontend tools serve pages in
// development.
const browserOrigins = "http://localhost:3000,http://localhost:5173"

// todod starts the service's program.
type todod struct {
	path        string // Absolute.
	dir         string // Where it runs. It holds no .env, which would be read.
	databaseURL string
}

// service is `todod serve`, running and ready.
type service struct {
	*process
	url     string
	pidFile string
}

// migrate brings the database to the schema.
func (t *todod) migrate(ctx context.Context) error {
	p, err := launch(t.command([]string{"migrate"}))
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
		_ = p.stop() // It is told to end before it is done, so it fails.
		return fmt.Errorf("todod migrate: %w\n%s", ctx.Err(), p.output.tail())
	}
}

// serve runs the service on the port, or on the next that is free, and returns
// when it is ready. Origins empty means those of the usual frontend tools.
func (t *todod) serve(ctx context.Context, port int, issuer, origins string) (*service, error) {
	// The port is free for the moment until todod takes it.
	listener, err := listen(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("the service: %w", err)
	}
	address := listener.Addr()
	if err := listener.Close(); err != nil {
		return nil, err
	}

	p, err := launch(t.command([]string{"serve"},
		"LISTEN_ADDR="+address.String(),
		"BETTER_AUTH_URL="+issuer,
		"CORS_ORIGINS="+cmp.Or(origins, browserOrigins),
		// Empty means not set, whatever the environment says.
		"JWT_ISSUER=",
		"JWT_AUDIENCE=",
		"SHUTDOWN_DELAY=",
	))
	if err != nil {
		return nil, err
	}
	s := &service{process: p, url: localURL(address), pidFile: t.pidFile()}
	if err := errors.Join(writePID(s.pidFile, p.cmd.Process.Pid), s.waitReady(ctx)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// pidFile returns the file that names the process while the service runs.
func (t *todod) pidFile() string { return filepath.Join(t.dir, "todod.pid") }

// command returns todod's command line, with an environment of settings.
func (t *todod) command(args []string, settings ...string) *exec.Cmd {
	// No context: the process has its own way to end, which takes its time.
	cmd := exec.CommandContext(context.Background(), t.path, args...)
	cmd.Dir = t.dir
	for _, variable := range os.Environ() {
		// PGOPTIONS and others change what a database connection does.
		if !strings.HasPrefix(variable, "PG") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "DATABASE_URL="+t.databaseURL, "DATABASE_DIRECT_URL=")
	cmd.Env = append(cmd.Env, settings...)
	return cmd
}

// waitReady returns when the service says that it is ready.
func (s *service) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !s.ready(ctx, client) {
		select {
		case <-poll.C:
		case <-s.done:
			return s.endedByItself()
		case <-ctx.Done():
			return fmt.Errorf("todod is not ready: %w\n%s", ctx.Err(), s.output.tail())
		}
	}
	return nil
}

// ready asks the service whether it is ready.
func (s *service) ready(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// endedByItself says how the process ended, whom nobody had asked to.
func (s *service) endedByItself() error {
	if s.err == nil {
		return fmt.Errorf("todod has ended by itself\n%s", s.output.tail())
	}
	return fmt.Errorf("todod has ended by itself: %w\n%s", s.err, s.output.tail())
}

// stop drains and ends the service.
func (s *service) stop() error {
	err := s.process.stop()
	_ = os.Remove(s.pidFile) // It does no harm when it stays.
	return err
}
