package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/pglocal"
)

// tokenLife is how long the built-in issuer's tokens are valid: more than a working day.
const tokenLife = 12 * time.Hour

// browserPorts returns the ports of the usual development servers: Next.js, Vite's
// preview, Angular, Vite and Vue.
func browserPorts() []int { return []int{3000, 4173, 4200, 5173, 8080} }

// stack is everything that runs.
type stack struct {
	options
	*parts
	getenv func(string) string
	stdout io.Writer
}

// start starts everything and prints the banner. When it fails, stop ends the parts that
// have started.
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
	// This process holds the database's folder, so no other todo-dev has these processes.
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

// startLocal starts the built-in issuer and the service, and prints the banner.
func (s *stack) startLocal(ctx context.Context, program *todod, db *database) error {
	issuer, err := startIssuer(ctx, s.issuerPort, filepath.Join(program.dir, "issuer.pem"))
	if err != nil {
		return err
	}
	s.add(issuer)
	service, err := program.serve(ctx, s.port, issuer.Origin(), s.origins(issuer.Origin()))
	if err != nil {
		return err
	}
	s.add(service)
	tokenURL := issuer.Origin() + tokenPath
	issuer.routes.Handle("GET "+docsPath, (&docs{
		service: service.url,
		issuer:  issuer.Origin(),
		token:   issuer.Origin() + authtest.TokenPath + "?user=" + ownUser,
		note:    localNote(tokenURL),
	}).handler())
	return s.announce(ctx, &banner{
		service:  service.url,
		docs:     issuer.Origin() + docsPath,
		issuer:   issuer.Origin(),
		token:    tokenURL,
		tokens:   "a token for anybody: " + tokenPath + "?user=bob",
		database: databaseCommand(program.databaseURL),
		data:     db.dir,
	}, issuer.Token(ownUser, registeredClaims), service.output)
}

// origins returns the origins of the pages that may call: the given ones, those in
// CORS_ORIGINS, and those of the usual development servers.
func (s *stack) origins(own ...string) string {
	all := append(own, strings.FieldsFunc(s.getenv("CORS_ORIGINS"), func(r rune) bool { return r == ',' || r == ' ' })...)
	for _, port := range browserPorts() {
		for _, host := range []string{"localhost", "127.0.0.1"} {
			all = append(all, fmt.Sprintf("http://%s:%d", host, port))
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// announce creates the sample todo for the token's user, prints the banner, and then
// passes the logs on.
func (s *stack) announce(ctx context.Context, b *banner, token string, service *output, others ...*output) error {
	var err error
	if b.sample, err = ensureSample(ctx, b.service, token); err != nil {
		return fmt.Errorf("%w\n%s", err, service.tail())
	}
	if folder, err := os.Getwd(); err == nil {
		b.data = shortest(b.data, folder)
	}
	b.grpcurl = findGRPCurl()
	b.colored = isTerminal(s.stdout) && s.getenv("NO_COLOR") == ""
	if _, err := io.WriteString(s.stdout, b.String()); err != nil {
		return err
	}
	for _, log := range append(others, service) {
		log.passOn(s.stdout)
	}
	return nil
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
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
