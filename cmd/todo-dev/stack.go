package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"example.com/todo-backend/internal/pglocal"
)

// tokenLife is how long the built-in issuer's tokens are good: a working day,
// and some.
const tokenLife = 12 * time.Hour

// browserOrigins are where the usual frontend tools serve pages in
// development.
const browserOrigins = "http://localhost:3000,http://localhost:5173"

// stack is everything that runs.
type stack struct {
	options
	*parts
	getenv func(string) string
	stdout io.Writer
}

// start brings everything up and prints the banner. What has come up when it
// fails is for stop to end.
func (s *stack) start(ctx context.Context) error {
	var web *webFolder
	if s.web != "" {
		var err error
		if web, err = openWebFolder(ctx, s.web); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	//nolint:gosec // PostgreSQL runs as another user when we are root, and has to get through
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data := filepath.Join(dir, "postgres")
	db, err := startDatabase(ctx, data, substituteFor(data), s.getenv(pglocal.MirrorVariable), s.stdout)
	if err != nil {
		return err
	}
	s.add(db)
	// The database is ours alone, so no living todo-dev has these processes.
	for _, name := range []string{tododPIDFile, betterAuthPIDFile} {
		if err := endStale(ctx, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	program := &todod{path: s.todod, dir: dir, databaseURL: db.url()}
	if err := program.migrate(ctx); err != nil {
		return err
	}
	if web != nil {
		return s.startWeb(ctx, web, program, db)
	}
	return s.startLocal(ctx, program, db)
}

// startLocal brings up the built-in issuer and the service, and prints the
// banner.
func (s *stack) startLocal(ctx context.Context, program *todod, db *database) error {
	issuer, err := startIssuer(ctx, s.issuerPort, filepath.Join(program.dir, "issuer.pem"))
	if err != nil {
		return err
	}
	s.add(issuer)
	origins := issuer.Origin() + "," + cmp.Or(s.getenv("CORS_ORIGINS"), browserOrigins)
	service, err := program.serve(ctx, s.port, issuer.Origin(), origins)
	if err != nil {
		return err
	}
	s.add(service)
	issuer.routes.Handle("GET "+docsPath, newDocs(service.url, issuer.Origin(), ownUser))
	token := issuer.Token(ownUser, registeredClaims)
	ids, err := ensureSamples(ctx, service.url, token)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, service.output.tail())
	}
	return s.announce(&banner{
		places: places{
			service:  service.url,
			docs:     issuer.Origin() + docsPath,
			issuer:   issuer.Origin(),
			database: program.databaseURL,
			data:     db.dir,
		},
		token:   token,
		samples: ids,
		grpcurl: findGRPCurl(),
		style:   s.style(),
	}, service.output)
}

// announce prints the banner, and has the logs follow.
func (s *stack) announce(banner fmt.Stringer, logs ...*output) error {
	if _, err := io.WriteString(s.stdout, banner.String()); err != nil {
		return err
	}
	for _, log := range logs {
		log.passOn(s.stdout)
	}
	return nil
}

// style returns how to print, as NO_COLOR and the terminal want it.
func (s *stack) style() style {
	return style{colored: isTerminal(s.stdout) && s.getenv("NO_COLOR") == ""}
}

// wait returns when ctx ends, or with an error when a part ends by itself.
func (s *stack) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.ended:
		return err
	}
}
