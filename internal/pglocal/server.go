// Package pglocal finds or downloads PostgreSQL and runs a server of its own on this
// machine. It is for tests and the development stack, never for production.
//
// The server listens on loopback only and asks for no password, so anybody with an
// account on the machine can read its data.
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
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
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
	// ErrInUse means that a running process has a server in the folder.
	ErrInUse = errors.New("folder is in use by another process")

	// ErrUnreachable means that the server's user can't enter the folder. The server
	// needs a user of its own when this process is root, since PostgreSQL refuses root.
	ErrUnreachable = errors.New("folder is closed to the user that PostgreSQL runs as")
)

// Config says which server to run.
type Config struct {
	// Dir is the folder of the data and the server's log. It is created when missing,
	// and its data are used again when it exists. When this process is root, the
	// folder is given to an unprivileged user.
	Dir string

	// Port is the TCP port on 127.0.0.1; 0 picks a free one.
	Port int

	// Mirror is the URL of the Maven repository to download PostgreSQL from when it is
	// not installed. Callers take it from the environment variable [MirrorVariable].
	// Empty means Maven Central.
	Mirror string

	// Progress gets a line when a download begins. Nil drops it.
	Progress io.Writer

	// Disposable makes the server faster, but a crash of the machine or the server
	// may lose data.
	Disposable bool

	// Settings are parameters of postgresql.conf, such as max_connections.
	// They override those that Disposable sets.
	Settings map[string]string
}

// Server is a running PostgreSQL server. On Linux it always ends with this process. On
// other systems it keeps running when this process is killed, until the next Start in
// the same folder stops it.
type Server struct {
	cluster *cluster
	port    int
	process *os.Process
	done    chan struct{}
}

// Start starts a server and returns when it accepts connections. The context bounds only
// the start. Start fails with [ErrInUse], with [ErrUnreachable], and with an error that
// says what to install when PostgreSQL is missing.
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

	// A start can fail for a moment when another process took the free port first, or
	// when processes of a killed server are still ending.
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
	s := &Server{cluster: c, port: port, done: make(chan struct{})}
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
		case <-s.done:
			return nil, fmt.Errorf("PostgreSQL did not start; its log ends with:\n%s", c.logTail())
		case <-poll.C:
			if p := c.readPIDFile(); p.pid == s.process.Pid && p.ready {
				return s, nil
			}
		}
	}
}

// launch starts the postmaster. Linux sends the death signal when the thread that forked
// ends, not the process, so this thread is kept while the postmaster runs.
func (s *Server) launch(cmd *exec.Cmd) error {
	log, err := s.cluster.openLog()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	s.cluster.confine(cmd)

	started := make(chan error, 1)
	go func() {
		defer close(s.done)
		defer log.Close()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // Its log says how it ended.
		}
	}()
	return <-started
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

// freePort returns a TCP port that was free a moment ago.
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

// URL returns a connection URL for a database of the server, as its superuser. The
// database "postgres" always exists.
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
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server within 20 s. It disconnects sessions and writes all data. The
// folder stays and can be used by Start again. Stop may be called more than once, and
// after Kill.
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
	case <-s.done:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout/2)
	defer cancel()
	if err := s.cluster.shutDown(ctx, mode); err != nil {
		cancel()
	}
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Kill ends the server as a crash would and releases the folder. The next Start recovers
// the data.
func (s *Server) Kill() error {
	defer s.cluster.close()
	err := s.process.Kill()
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pglocal: kill the server: %w", err)
	}
	<-s.done
	return nil
}
