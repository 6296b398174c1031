package pgtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.com/todo-backend/internal/pglocal"
)

// StartStandby runs another server with a copy of this one's data, which is restarted for
// that. It takes no writes and follows nobody, until it is promoted. It is stopped and
// deleted when the test has ended.
func (s *Server) StartStandby(t testing.TB) *Server {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	standby, err := s.copyAsStandby()
	if err != nil {
		t.Fatalf("pgtest: a standby: %v", err)
	}
	t.Cleanup(func() {
		if err := standby.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	s.Restart(t)
	return standby
}

func (s *Server) copyAsStandby() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return nil, err
	}
	err = exec.CommandContext(ctx, "cp", "-a", filepath.Join(s.config.Dir, "data"), dir).Run() // With its owner.
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "data", "standby.signal"), nil, 0o600)
	}
	config := s.config
	config.Dir, config.Port = dir, 0
	var server *pglocal.Server
	if err == nil {
		server, err = pglocal.Start(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	config.Port = server.Port()
	return &Server{Server: server, config: config}, nil
}

// Promote makes a standby a primary, on the next timeline.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	const seconds = int(operationTimeout / time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	var isPromoted bool
	if err := Connect(t, s.Server.URL("postgres")).QueryRow(ctx, "SELECT pg_promote(true, $1)", seconds).Scan(&isPromoted); err != nil || !isPromoted {
		t.Fatalf("pgtest: promote: %v, %v", isPromoted, err)
	}
}
