package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// tokenLife is how long the issuer's tokens are good: a working day, and some.
const tokenLife = 12 * time.Hour

// stack is everything that runs. Each part needs those above it: they start in
// this order and stop in the reverse one.
type stack struct {
	options
	getenv func(string) string
	stdout io.Writer

	database *database
	issuer   *issuer
	service  *service
}

// start brings everything up and prints the banner. What has come up when it
// fails is for stop to end.
func (s *stack) start(ctx context.Context) error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	//nolint:gosec // PostgreSQL runs as another user when we are root, and has to get through
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data := filepath.Join(dir, "postgres")
	if s.database, err = startDatabase(ctx, data, substituteFor(data), s.stdout); err != nil {
		return err
	}
	program := &todod{path: s.todod, dir: dir, databaseURL: s.database.url()}
	// The database is ours alone, so no living todo-dev has that process.
	if err := endStale(ctx, program.pidFile(), program.path+" serve"); err != nil {
		return err
	}
	if err := program.migrate(ctx); err != nil {
		return err
	}
	if s.issuer, err = startIssuer(ctx, s.issuerPort, filepath.Join(dir, "issuer.pem")); err != nil {
		return err
	}
	if s.service, err = program.serve(ctx, s.port, s.issuer.Origin(), s.getenv("CORS_ORIGINS")); err != nil {
		return err
	}
	return s.announce(ctx)
}

// announce prints the banner, and has the service's log follow.
func (s *stack) announce(ctx context.Context) error {
	token := s.issuer.Token(ownUser, registeredClaims)
	ids, err := ensureSamples(ctx, s.service.url, token)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.service.output.tail())
	}
	b := banner{
		service:  s.service.url,
		issuer:   s.issuer.Origin(),
		database: s.database.url(),
		data:     s.database.dir,
		token:    token,
		samples:  ids,
		grpcurl:  findGRPCurl(),
		colored:  isTerminal(s.stdout) && s.getenv("NO_COLOR") == "",
	}
	if _, err := io.WriteString(s.stdout, b.String()); err != nil {
		return err
	}
	s.service.output.passOn(s.stdout)
	return nil
}

// wait returns when ctx ends, or with an error when a part ends by itself.
func (s *stack) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.database.Done():
		return fmt.Errorf("PostgreSQL has ended by itself: see %s", filepath.Join(s.database.dir, "postgres.log"))
	case err := <-s.issuer.failed:
		return fmt.Errorf("the issuer has ended by itself: %w", err)
	case <-s.service.done:
		return s.service.endedByItself()
	}
}

// stop ends what runs, each part after those that need it.
func (s *stack) stop() error {
	var errs []error
	if s.service != nil {
		errs = append(errs, s.service.stop())
	}
	if s.issuer != nil {
		errs = append(errs, s.issuer.stop())
	}
	if s.database != nil {
		errs = append(errs, s.database.Stop())
	}
	return errors.Join(errs...)
}
