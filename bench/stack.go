package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/pglocal"
	"github.com/jackc/pgx/v5"
)

// tokenLife is longer than any run.
const tokenLife = 12 * time.Hour

// stack is what a service needs: a PostgreSQL server of our own and an issuer.
type stack struct {
	dir      string   // Of the server, and of our own files beside its data.
	todod    string   // The service's binary.
	settings []string // Of the service, besides those that it can't do without.
	server   *pglocal.Server
	issuer   *authtest.Issuer
	issuing  *http.Server
	programs string // The folder of PostgreSQL's programs.
}

// newStack starts a server and an issuer. The server's data are in a folder of
// their own below that of the options.
func newStack(ctx context.Context, o options) (_ *stack, err error) {
	s := &stack{todod: o.todod, settings: o.settings}
	if s.dir, err = os.MkdirTemp(o.data, "todo-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.serveIssuer(ctx); err != nil {
		return nil, err
	}
	if err := s.startServer(ctx, nil); err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	return s, conn.QueryRow(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&s.programs)
}

// serveIssuer starts the issuer that the tests use.
func (s *stack) serveIssuer(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.issuer, err = authtest.NewIssuer(authtest.Config{BaseURL: "http://" + listener.Addr().String(), Life: tokenLife})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.issuing = &http.Server{Handler: s.issuer, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.issuing.Serve(listener) }() // Ends with the server.
	return nil
}

// startServer starts PostgreSQL in its folder, with initdb's settings but for
// those given: it keeps its promises through a crash.
func (s *stack) startServer(ctx context.Context, settings map[string]string) error {
	var err error
	s.server, err = pglocal.Start(ctx, pglocal.Config{Dir: s.dir, Settings: settings})
	return err
}

// restartServer ends PostgreSQL and starts it with other settings, at another
// port.
func (s *stack) restartServer(ctx context.Context, settings map[string]string) error {
	if err := s.server.Stop(); err != nil {
		return err
	}
	return s.startServer(ctx, settings)
}

// close ends everything and removes the data.
func (s *stack) close() error {
	var errs []error
	if s.server != nil {
		errs = append(errs, s.server.Stop())
	}
	if s.issuing != nil {
		errs = append(errs, s.issuing.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// connect opens a connection to a database.
func (s *stack) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.server.URL(database))
}

// postmaster returns the process ID of PostgreSQL.
func (s *stack) postmaster() (int, error) {
	content, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(line)
}

// createDatabase makes a database and has the service bring it to the schema.
func (s *stack) createDatabase(ctx context.Context, name string) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	migration := exec.CommandContext(ctx, s.todod, "migrate")
	migration.Env = append(environment(), "DATABASE_URL="+s.server.URL(name))
	if output, err := migration.CombinedOutput(); err != nil {
		return fmt.Errorf("migrating: %w\n%s", err, output)
	}
	return nil
}

// startService starts a binary of the service on a database and waits until it
// is ready. URL parameters, such as options=..., go into its DATABASE_URL.
func (s *stack) startService(ctx context.Context, todod, database, parameters string, settings ...string) (_ *process, took time.Duration, err error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	p, err := launch(ctx, addr, todod, []string{"serve"}, slices.Concat([]string{
		"DATABASE_URL=" + s.server.URL(database) + parameters,
		"BETTER_AUTH_URL=" + s.issuer.Origin(),
		"CORS_ORIGINS=http://localhost:5173",
		"LISTEN_ADDR=" + addr,
		"RATE_LIMIT_RPS=0",
	}, s.settings, settings))
	if err != nil {
		return nil, 0, err
	}
	if err := p.waitReady(ctx); err != nil {
		return nil, 0, errors.Join(err, p.stop())
	}
	return p, time.Since(start), nil
}

// writeTokens writes a token for each user to a file, one a line.
func (s *stack) writeTokens(d dataset) (file string, err error) {
	var tokens strings.Builder
	for user := range d.users {
		tokens.WriteString(s.issuer.Token(owner(user)) + "\n")
	}
	file = filepath.Join(s.dir, d.name+"-tokens")
	return file, os.WriteFile(file, []byte(tokens.String()), 0o600)
}

// fill fills a database.
func (s *stack) fill(ctx context.Context, d dataset) error {
	conn, err := s.connect(ctx, d.name)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return d.fill(ctx, conn, 0)
}
