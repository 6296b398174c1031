package postgres_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// silencer is between a store and its database. Once it is silent, all that is sent by
// either is kept for itself, as by a host that has lost its network.
type silencer struct {
	database string // Its address.
	silent   chan struct{}
	conns    sync.WaitGroup
}

// newSilencer returns a silencer, and the URL by which the database is reached by it.
func newSilencer(t *testing.T, databaseURL string) (*silencer, string) {
	t.Helper()
	location, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silencer{database: location.Host, silent: make(chan struct{})}
	var open []net.Conn // The goroutine's, until it has ended.
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.database)
			if err != nil {
				_ = conn.Close()
				continue
			}
			open = append(open, conn, server)
			s.conns.Go(func() { s.pass(server, conn) })
			s.conns.Go(func() { s.pass(conn, server) })
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		for _, one := range open {
			_ = one.Close()
		}
		s.conns.Wait()
	})
	location.Host = listener.Addr().String()
	return s, location.String()
}

// pass passes on what comes from one side until it is silent or either side has ended.
func (s *silencer) pass(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-s.silent:
			_, _ = io.Copy(io.Discard, from) // Until it is closed. Then the database learns of it.
			return
		default:
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// TestASilentDatabaseHoldsNoMoveUp has either database fall silent where the user can't write,
// and where the source is about to be emptied. A statement of a move has an hour.
func TestASilentDatabaseHoldsNoMoveUp(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		for _, step := range []string{comparedStep, routedStep} {
			t.Run(side+" after "+step, func(t *testing.T) {
				t.Parallel()
				d := newTwoDatabases(t)
				create(t, d.from, d.mover, "t")
				silencedURL := map[string]string{"source": d.fromURL, "target": d.toURL}[side]
				silencer, address := newSilencer(t, silencedURL)
				silenced := postgres.NewStore(databasetest.Open(t, address, 8, func(c *database.Config) {
					c.Bounds = database.UsualBounds()
					c.Bounds.Alone, c.Bounds.Statement = time.Hour, time.Hour
				}), postgres.Config{Logger: slog.New(slog.DiscardHandler)})
				move := d.move()
				move.Route = func(context.Context) error { return nil }
				if side == "source" {
					move.From = silenced
				} else {
					move.To = silenced
				}
				move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), step, func() {
					close(silencer.silent)
					move.StepTimeout = time.Millisecond // All before had its time.
				}})
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				if err := move.Run(ctx); err == nil || ctx.Err() != nil {
					t.Errorf("the move ended with %v, and by itself: %v", err, ctx.Err() == nil)
				}
				run(t, d.move())
			})
		}
	}
}
