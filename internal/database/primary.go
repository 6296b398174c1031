package database

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// primaryAge is how long a primary that was found is dialled without asking all hosts again,
// so that connections that are made at once ask once.
const primaryAge = time.Second

// primary finds the primary among the hosts of a connection string, for each connection of
// a pool. It asks all hosts at once, so a host that is silent delays no connection by much;
// the driver would ask one after the other. It refuses a former primary (fence).
type primary struct {
	isPrimary pgconn.ValidateConnectFunc // What the connection string asks for.
	newSearch func() *search
	fence     fence
	logger    *slog.Logger

	ctx   context.Context //nolint:containedctx // Of searches, which calls share; it ends with close.
	close func()          // Ends searches, and waits for them.
	group sync.WaitGroup

	mu        sync.Mutex
	current   *answer   // nil when it has to be searched.
	searchAt  time.Time // When the last search ended.
	forgotten int       // How often forget was called.
	underWay  *searching
	announced string    // The last one that was logged.
	refusedAt time.Time // When a refusal was logged last.
	unfenced  sync.Once
}

// searching is a search under way. Its result is valid once done is closed.
type searching struct {
	done  chan struct{}
	found *answer
	err   error
}

// newPrimary returns one that has no way to search yet.
func newPrimary(logger *slog.Logger) *primary {
	p := &primary{logger: logger}
	ctx, cancel := context.WithCancel(context.Background())
	p.ctx = ctx
	p.close = func() {
		cancel()
		p.group.Wait()
	}
	return p
}

// findPrimary has a pool's connections lead to the primary among the hosts of its
// configuration.
func findPrimary(config *pgxpool.Config, bounds Bounds, logger *slog.Logger) *primary {
	c := config.ConnConfig
	bounds.Connect = c.ConnectTimeout
	hosts := hostsOf(&c.Config)
	p := newPrimary(logger)
	p.isPrimary = c.ValidateConnect
	p.newSearch = func() *search {
		return &search{hosts: hosts, bounds: bounds, lookUp: (*host).lookUp, ask: p.ask, fence: &p.fence, later: p.forget, group: &p.group}
	}
	c.ValidateConnect = p.validate
	ping := config.ShouldPing
	config.ShouldPing = func(ctx context.Context, params pgxpool.ShouldPingParams) bool {
		if params.IdleDuration > bounds.AskAfter {
			_, _, _ = p.find(ctx, bounds.AskAfter) // What it learns of a successor is looked at next.
		}
		return ping(ctx, params)
	}
	config.PrepareConn = func(_ context.Context, conn *pgx.Conn) (usable bool, err error) {
		at, _ := conn.PgConn().CustomData()[timelineKey].(timeline)
		return !p.fence.isBehind(at), nil
	}
	return p
}

// timelineKey marks, in a connection's own data, the timeline of its server.
const timelineKey = "timeline"

// validate refuses a connection to another server than the primary.
func (p *primary) validate(ctx context.Context, conn *pgconn.PgConn) error {
	at, err := p.examine(ctx, conn)
	if err != nil {
		return err
	}
	if p.fence.isBehind(at) {
		return &formerPrimaryError{at, p.fence.seen()}
	}
	conn.CustomData()[timelineKey] = at
	return nil
}

// direct has a connection lead to the primary. It reports whether this call has asked for
// it: others that wait for the same search fail with the same error.
func (p *primary) direct(ctx context.Context, config *pgx.ConnConfig) (asked bool, err error) {
	found, asked, err := p.find(ctx, primaryAge)
	if err != nil {
		return asked, err
	}
	found.endpoint.configure(&config.Config, found.entry)
	return asked, nil
}

// forget has the next connection search the primary.
func (p *primary) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = nil
	p.forgotten++
}

// find returns where the primary is, as it was found not longer ago than a time. One search
// is under way at a time; others wait for its result.
func (p *primary) find(ctx context.Context, age time.Duration) (found *answer, asked bool, err error) {
	p.mu.Lock()
	if p.current != nil && time.Since(p.searchAt) < age {
		defer p.mu.Unlock()
		return p.current, false, nil
	}
	s := p.underWay
	if s == nil {
		s, asked = &searching{done: make(chan struct{})}, true
		p.underWay = s
		forgotten := p.forgotten
		p.group.Go(func() { p.search(s, forgotten) })
	}
	p.mu.Unlock()
	select {
	case <-s.done:
		return s.found, asked, s.err
	case <-ctx.Done():
		return nil, asked, ctx.Err()
	}
}

// search makes a search, of which a call of forget meanwhile makes the result one for those
// who wait for it alone.
func (p *primary) search(s *searching, forgotten int) {
	run := p.newSearch()
	found, err := run.find(p.ctx)
	now := time.Now()
	p.mu.Lock()
	s.found, s.err, p.current, p.underWay, p.searchAt = found, err, nil, nil, now
	if p.forgotten == forgotten {
		p.current = found
	}
	isRefused := run.former != nil && found != run.former && now.Sub(p.refusedAt) >= dialLogInterval
	if isRefused {
		p.refusedAt = now
	}
	isNew := found != nil && p.announced != found.endpoint.name()
	if isNew {
		p.announced = found.endpoint.name()
	}
	p.mu.Unlock()
	close(s.done)
	if isRefused { // Written without the lock: the log may block.
		p.logger.WarnContext(p.ctx, "a former primary is refused", "host", run.former.endpoint.name(),
			"timeline", run.former.at.number, "seen", p.fence.seen().number)
	}
	if isNew {
		p.logger.InfoContext(p.ctx, "the primary is found", "host", found.endpoint.name(), "timeline", found.at.number)
	}
}

// host is a host of a connection string.
type host struct {
	place   int // In the connection string.
	config  *pgconn.Config
	entries []*pgconn.FallbackConfig // With TLS, or without, or both.
}

// hostsOf returns the hosts of a configuration.
func hostsOf(config *pgconn.Config) (hosts []*host) {
	entries := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for _, entry := range entries {
		last := len(hosts) - 1
		if last < 0 || hosts[last].config.Host != entry.Host || hosts[last].config.Port != entry.Port {
			h := &host{place: last + 1, config: config.Copy()}
			h.config.Host, h.config.Port, h.config.Fallbacks, h.config.ValidateConnect = entry.Host, entry.Port, nil, nil
			hosts, last = append(hosts, h), last+1
		}
		hosts[last].entries = append(hosts[last].entries, entry)
	}
	return hosts
}

// lookUp returns the addresses of a host.
func (h *host) lookUp(ctx context.Context) (found []*endpoint, err error) {
	if network, _ := pgconn.NetworkAddress(h.config.Host, h.config.Port); network == "unix" {
		return []*endpoint{{host: h}}, nil
	}
	addresses, err := h.config.LookupFunc(ctx, h.config.Host)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		found = append(found, &endpoint{host: h, address: address})
	}
	return found, nil
}

// endpoint is an address of a host.
type endpoint struct {
	host    *host
	address string // Empty for a socket.
}

// configure has a connection lead to an address, with TLS or without.
func (e *endpoint) configure(c *pgconn.Config, entry *pgconn.FallbackConfig) {
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = e.host.config.Host, e.host.config.Port, entry.TLSConfig, nil
	if e.address != "" {
		c.LookupFunc = func(context.Context, string) ([]string, error) { return []string{e.address}, nil }
	}
}

// name names the endpoint in logs and errors.
func (e *endpoint) name() string {
	return net.JoinHostPort(e.host.config.Host, strconv.Itoa(int(e.host.config.Port)))
}
