package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"example.com/todo-backend/internal/pglocal"
)

// databaseName is a database that every new server has.
const databaseName = "postgres"

// database is the PostgreSQL of the stack.
type database struct {
	*pglocal.Server
	dir string // Its folder, absolute.
}

// startDatabase runs PostgreSQL with its data in dir, or in substitute when PostgreSQL's
// user can't enter dir. If PostgreSQL is not installed, it is downloaded, from mirror
// unless that is empty.
func startDatabase(ctx context.Context, dir, substitute, mirror string, stdout io.Writer) (*database, error) {
	config := pglocal.Config{Dir: dir, Mirror: mirror, Progress: stdout}
	if _, err := os.Stat(dir); err != nil {
		if _, err := io.WriteString(stdout, "Making a database.\n"); err != nil {
			return nil, err
		}
	}
	server, err := pglocal.Start(ctx, config)
	if errors.Is(err, pglocal.ErrUnreachable) {
		config.Dir = substitute
		server, err = pglocal.Start(ctx, config)
	}
	if errors.Is(err, pglocal.ErrInUse) {
		return nil, fmt.Errorf("another todo-dev is running with the data in %s: end that one, or give this one a folder of its own with -dir", config.Dir)
	}
	if err != nil {
		return nil, err
	}
	return &database{Server: server, dir: config.Dir}, nil
}

// url returns the connection URL.
func (d *database) url() string { return d.URL(databaseName) }

// wait implements [part].
func (d *database) wait() error {
	<-d.Done()
	return fmt.Errorf("PostgreSQL has ended by itself: see %s", filepath.Join(d.dir, "postgres.log"))
}

// stop implements [part].
func (d *database) stop() error { return d.Stop() }

// substituteFor returns the folder that replaces dir, always the same one for the same
// dir. Root needs it when dir is in a private folder such as /root. Only root can write
// to its parent.
func substituteFor(dir string) string {
	return filepath.Join("/var/lib/todo-dev", fmt.Sprintf("%x", sha256.Sum256([]byte(dir)))[:16])
}
