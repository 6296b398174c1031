package pgtest

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/pglocal"
)

const (
	// folderPrefix begins the names of the folders that servers run in.
	folderPrefix = "todo-pgtest-"

	// settled is how old a folder is for certain when its owner has locked it.
	settled = time.Minute

	// downloadTimeout is more than pglocal's own, and for those that wait for
	// another process's download.
	downloadTimeout = 10 * time.Minute
)

// Server is a server of one test, which may stop, kill and restart it.
type Server struct {
	*pglocal.Server
	config pglocal.Config
}

// StartServer runs a server for this test alone, with settings of
// postgresql.conf, or none. Its database "todo" has the schema in it. What was
// committed survives Kill, unless the settings say otherwise. The server is
// stopped and deleted when the test has ended.
func StartServer(t testing.TB, settings map[string]string) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	all := map[string]string{"synchronous_commit": "on"}
	maps.Copy(all, settings)
	server, err := startServer(ctx, all)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := server.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if err := execute(ctx, server.Server.URL("postgres"), "CREATE DATABASE todo"); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := ApplySchema(ctx, server.URL()); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return server
}

// findPrograms looks for PostgreSQL, or downloads it, once for all tests of a
// process: where it can't be had, each of them fails at once.
var findPrograms = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout)
	defer cancel()
	_, err := pglocal.Find(ctx, os.Getenv(pglocal.MirrorVariable), os.Stderr)
	return err
})

// startServer runs a server in a new folder.
func startServer(ctx context.Context, settings map[string]string) (*Server, error) {
	if err := findPrograms(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return nil, err
	}
	config := pglocal.Config{Dir: dir, Disposable: true, Settings: settings}
	server, err := pglocal.Start(ctx, config)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	config.Port = server.Port()
	return &Server{Server: server, config: config}, nil
}

// URL returns the URL of the server's database "todo".
func (s *Server) URL() string { return s.Server.URL("todo") }

// WriteDataFile writes a file into the server's data folder, such as a key or pg_hba.conf.
// The server reads it at the next start or reload.
func (s *Server) WriteDataFile(t testing.TB, name string, content []byte) {
	t.Helper()
	conn := Connect(t, s.URL())
	path := filepath.Join(QueryText(t, conn, "SHOW data_directory"), name)
	// Made by the server, a file is its own, whichever user we are.
	ExecOn(t, conn, "COPY (SELECT '') TO '"+path+"'")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Restart starts the server again, on the same port with the same data, after
// Stop or Kill.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	server, err := pglocal.Start(ctx, s.config)
	if err != nil {
		t.Fatalf("pgtest: restart: %v", err)
	}
	s.Server = server
}

// remove stops the server and deletes its folder.
func (s *Server) remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.config.Dir))
}

// removeLeftovers deletes the folders of test processes that were killed. What
// can't be deleted now is left to a later run, or to whom it belongs.
func removeLeftovers(ctx context.Context) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*")) // Fails on bad patterns only.
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > settled {
			_ = pglocal.Remove(ctx, dir)
		}
	}
}
