package load

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// http2Pool makes each call as a stream on HTTP/2 connections that all share.
// Calls go over the first that has room, so that there is one, as a gRPC client
// has, while no more calls are under way than the service lets it carry.
type http2Pool struct {
	addr    string
	timeout time.Duration // Of a call.
	readers sync.WaitGroup

	mu    sync.Mutex
	conns []*sharedConn // Those that are not broken, the oldest first.
}

// sharedConn is a connection of a pool.
type sharedConn struct {
	calls int                           // Those that have a place on it; its pool's mu guards it.
	open  func() (*waitableConn, error) // The first call opens it, others wait for that.
}

// waitableConn has for each call a channel that takes one error, nil for a
// success.
type waitableConn = http2Conn[chan<- error]

// errLate is why a connection is given up.
var errLate = errors.New("load: a call was not answered in time")

// RoundTrip implements [http.RoundTripper].
func (p *http2Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	token, message := unpack(body)
	c := p.take(r.Context())
	err = p.call(c, r.URL.Path, token, message)
	p.release(c, err)
	if err != nil {
		return nil, err
	}
	return succeeded(r), nil
}

// take takes a place on a connection.
func (p *http2Pool) take(ctx context.Context) *sharedConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if c.calls < streams {
			c.calls++
			return c
		}
	}
	c := &sharedConn{calls: 1, open: sync.OnceValues(func() (*waitableConn, error) {
		conn, err := dialHTTP2[chan<- error](ctx, p.addr)
		if err == nil {
			p.readers.Go(func() { answer(conn) })
		}
		return conn, err
	})}
	p.conns = append(p.conns, c)
	return c
}

// release gives a place back. A connection whose call failed is broken, unless
// the service has refused it.
func (p *http2Pool) release(c *sharedConn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.calls--
	if err != nil && !refused(err) {
		p.conns = slices.DeleteFunc(p.conns, func(other *sharedConn) bool { return other == c })
	}
}

// call makes a call. When it takes too long the connection is lost, with all
// that are under way on it.
func (p *http2Pool) call(c *sharedConn, path string, token, message []byte) error {
	conn, err := c.open()
	if err != nil {
		return err
	}
	defer time.AfterFunc(p.timeout, func() { lose(conn, errLate) }).Stop()
	answered := make(chan error, 1)
	if err := conn.send(path, token, message, answered); err != nil {
		lose(conn, err)
		return err
	}
	return <-answered
}

// answer tells each call how it ended, until the connection does.
func answer(c *waitableConn) {
	for {
		call, err := c.finished()
		if err != nil && !refused(err) {
			lose(c, err)
			return
		}
		call <- err
	}
}

// lose gives a connection up and tells the calls that were under way.
func lose(c *waitableConn, reason error) {
	calls, reason := c.fail(reason)
	for _, call := range calls {
		call <- reason
	}
}

// close closes the connections, on which nothing is under way once an attack
// has ended.
func (p *http2Pool) close() {
	for _, c := range p.conns {
		if conn, err := c.open(); err == nil {
			_ = conn.conn.Close()
		}
	}
	p.readers.Wait()
}
