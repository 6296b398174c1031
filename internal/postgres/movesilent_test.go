package postgres_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
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

// TestASilentDatabaseHoldsNoMoveUp has either database fall silent before each step: all that
// a move waits for is a statement, which has a second.
func TestASilentDatabaseHoldsNoMoveUp(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		for _, step := range []string{sealedStep, copiedStep, comparedStep, routedStep} {
			t.Run(side+" after "+step, func(t *testing.T) {
				t.Parallel()
				d := newTwoDatabases(t)
				create(t, d.from, d.mover, "t")
				silencedURL := map[string]string{"source": d.fromURL, "target": d.toURL}[side]
				silencer, address := newSilencer(t, silencedURL)
				silenced := postgres.NewStore(databasetest.Open(t, address, 8, func(c *database.Config) {
					c.Bounds = database.UsualBounds()
					c.Bounds.Alone, c.Bounds.Statement = time.Hour, time.Second
				}), postgres.Config{Logger: slog.New(slog.DiscardHandler)})
				move, isSilent := d.move(), false
				move.Route = func(context.Context) error { return nil }
				if side == "source" {
					move.From = silenced
				} else {
					move.To = silenced
				}
				move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), step, func() {
					close(silencer.silent)
					isSilent = true
				}})
				ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
				defer stop()
				err := move.Run(ctx)
				for err != nil && !isSilent && ctx.Err() == nil {
					err = move.Run(ctx) // On a busy machine a statement before takes a second, too.
				}
				if err == nil || ctx.Err() != nil {
					t.Errorf("the move ended with %v, and by itself: %v", err, ctx.Err() == nil)
				}
				run(t, d.move())
			})
		}
	}
}

// TestNoStatementOfAMoveTakesMoreThanABatch has statements fail that do: they would take as
// long as a user has todos.
func TestNoStatementOfAMoveTakesMoreThanABatch(t *testing.T) {
	t.Parallel()
	const todos, batch = 2001, 1000
	d := newTwoDatabases(t)
	pgtest.Exec(t, d.fromURL, fmt.Sprintf(`
		INSERT INTO todo (user_id, title) SELECT 'mover', 't' FROM generate_series(1, %d);
		INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
		SELECT 'mover', gen_random_uuid(), '', '{}', '{}' FROM generate_series(1, %[1]d)`, todos))
	for _, url := range []string{d.fromURL, d.toURL} {
		for _, table := range []string{"todo", "todo_request"} {
			pgtest.Exec(t, url, fmt.Sprintf(`
				CREATE FUNCTION bound_%[1]s() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					IF (SELECT count(*) FROM changed) > %[2]d THEN RAISE 'more than a batch'; END IF;
					RETURN NULL;
				END $$;
				CREATE TRIGGER bound_inserts AFTER INSERT ON %[1]s REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION bound_%[1]s();
				CREATE TRIGGER bound_deletes AFTER DELETE ON %[1]s REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION bound_%[1]s()`,
				table, batch))
		}
	}
	dieAfter(t, d.move(), copiedStep)
	run(t, d.move()) // It removes the copy first, and what is at the source in the end.
	if rowsOf(t, d.fromURL, "mover") != "" || strings.Count(rowsOf(t, d.toURL, "mover"), "\n") != 2*todos-1 {
		t.Error("the todos and requests are not at the target alone")
	}
}
