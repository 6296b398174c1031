package load

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// http1Pool sends requests over connections that it keeps, a request at a time
// over each.
type http1Pool struct {
	addr string

	mu   sync.Mutex
	idle []*http1
}

// RoundTrip implements [http.RoundTripper].
func (p *http1Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	request, err := readBody(r)
	if err != nil {
		return nil, err
	}
	c, err := p.take(r.Context())
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.conn.SetDeadline(time.Now().Add(openTimeout)), c.roundTrip(request))
	if err == nil || refused(err) {
		p.mu.Lock()
		p.idle = append(p.idle, c)
		p.mu.Unlock()
	} else {
		_ = c.conn.Close()
	}
	if err != nil {
		return nil, err
	}
	return succeeded(r), nil
}

// take returns the connection that was used last, so that those that are not
// needed stay unused, or a new one.
func (p *http1Pool) take(ctx context.Context) (*http1, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return dialHTTP1(ctx, p.addr)
}

// close closes what is idle, which is all once an attack has ended.
func (p *http1Pool) close() {
	for _, c := range p.idle {
		_ = c.conn.Close()
	}
}
