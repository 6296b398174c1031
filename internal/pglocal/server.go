// Package pglocal finds PostgreSQL on this machine and runs a server of one's
// own with it: for the tests and for the development stack, never for
// production. A machine without PostgreSQL gets one downloaded.
//
// The server listens on loopback only and trusts whoever connects, so anybody
// with an account on the machine can reach what it holds.
package pglocal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"example.com/todo-backend/internal/childprocess"
)

// Superuser is the role that [Server.URL] connects as.
const Superuser = "todo"

const (
	startTimeout  = time.Minute // For everything besides a download.
	startAttempts = 5
	readyPoll     = 10 * time.Millisecond
	lockPoll      = 100 * time.Millisecond

	// Half of a stop is for a fast shutdown, half for an immediate one.
	stopTimeout = 20 * time.Second
)

var (
	// ErrInUse says that a living process runs a server in the folder.
	ErrInUse = errors.New("folder is in use by another process")

	// ErrUnreachable says that the user that the server has to run as, since
	// PostgreSQL refuses root, may not enter the folder.
	ErrUnreachable = errors.New("folder is closed to the user that PostgreSQL runs as")
)

// Config says which server to run.
type Config struct {
	// Dir is the folder that keeps the data and the server's log. It is made
	// when absent, and started again from when it is there. Started by root,
	// it is handed to an unprivileged user.
	Dir string

	// Port is the TCP port on 127.0.0.1; 0 picks a free one.
	Port int

	// Mirror is the URL of the Maven repository to download PostgreSQL from
	// where it is not installed: what the environment has in [MirrorVariable].
	// Empty means Maven Central.
	Mirror string

	// Progress gets a line when a download begins. Nil drops it.
	Progress io.Writer

	// Disposable trades what keeps data through a crash, of the machine or of
	// the server, for speed.
	Disposable bool

	// Settings are parameters of postgresql.conf, such as max_connections.
	// They win over what Disposable implies.
	Settings map[string]string
}

// Server is a running PostgreSQL server. It ends when this process does: on
// Linux at once, however the process ends; elsewhere a killed process leaves it
// running until the next Start in the same folder stops it.
type Server struct {
	cluster *cluster
	port    int
	process *childprocess.Process
}

// Start runs a server and returns when it accepts connections. The context
// bounds the start, not the server's life. It fails with [ErrInUse] and
// [ErrUnreachable], and says what to install when there is no PostgreSQL.
func Start(ctx context.Context, config Config) (_ *Server, err error) {
	c, err := openCluster(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("pglocal: %w", err)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()

	c.bin, err = obtain(ctx, c.account, c.major(), config.Mirror, cmp.Or[io.Writer](config.Progress, io.Discard))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.prepare(ctx, config.Disposable); err != nil {
		return nil, fmt.Errorf("pglocal: %w", err)
	}

	// A start fails for a while when another process took the free port first,
	// or when processes of a killed server are still ending.
	for attempt := 1; ; attempt++ {
		s, err := start(ctx, c, config)
		if err == nil {
			return s, nil
		}
		if attempt == startAttempts {
			return nil, fmt.Errorf("pglocal: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("pglocal: %w: %w", ctx.Err(), err)
		case <-time.After(time.Duration(attempt) * 200 * time.Millisecond):
		}
	}
}

// start makes one attempt to run the server.
func start(ctx context.Context, c *cluster, config Config) (*Server, error) {
	port := config.Port
	if port == 0 {
		var err error
		if port, err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	s := &Server{cluster: c, port: port}
	// The server outlives the context of its start.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(c.bin, "postgres"), arguments(c.data, port, config)...)
	if err := s.launch(cmd); err != nil {
		return nil, err
	}

	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = s.Kill()
			return nil, fmt.Errorf("PostgreSQL did not come up: %w\n%s", ctx.Err(), c.logTail())
		case <-s.process.Done():
			return nil, fmt.Errorf("PostgreSQL did not start; its log ends with:\n%s", c.logTail())
		case <-poll.C:
			if p := c.readPIDFile(); p.pid == s.process.ID() && p.ready {
				return s, nil
			}
		}
	}
}

// launch starts the postmaster.
func (s *Server) launch(cmd *exec.Cmd) error {
	log, err := s.cluster.openLog()
	if err != nil {
		return err
	}
	defer log.Close() // The postmaster has its own.
	cmd.Stdout, cmd.Stderr = log, log
	s.cluster.confine(cmd)
	s.process, err = childprocess.Start(cmd)
	return err
}

// arguments returns the command line of the postmaster.
func arguments(data string, port int, config Config) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
	}
	if config.Disposable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, config.Settings)
	args := []string{"-D", data, "-p", strconv.Itoa(port)}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// freePort returns a TCP port that nobody listened on a moment ago.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address, err := netip.ParseAddrPort(listener.Addr().String())
	return int(address.Port()), errors.Join(err, listener.Close())
}

// Port returns the TCP port that the server listens on.
func (s *Server) Port() int { return s.port }

// URL returns a connection URL for a database of the server, as its superuser.
// The database "postgres" is always there.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(Superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done returns a channel that is closed when the server has ended, by itself
// or by Stop or Kill.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the server within 20 s: its sessions are disconnected, its data
// are written out. The folder stays and can be started again. Stop may be
// called more than once, and also after Kill.
func (s *Server) Stop() error {
	defer s.cluster.close()
	if s.ended("fast") || s.ended("immediate") {
		return nil
	}
	return s.Kill()
}

// ended asks the server to shut down and reports whether it has ended.
func (s *Server) ended(mode string) bool {
	select {
	case <-s.process.Done():
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout/2)
	defer cancel()
	if err := s.cluster.shutDown(ctx, mode); err != nil {
		cancel()
	}
	select {
	case <-s.process.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// Kill ends the server as a crash would, and frees the folder, which the next
// Start recovers.
func (s *Server) Kill() error {
	defer s.cluster.close()
	if err := s.process.Kill(); err != nil {
		return fmt.Errorf("pglocal: kill the server: %w", err)
	}
	return nil
}
