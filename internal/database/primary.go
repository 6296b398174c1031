package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// askInterval is how often a host that takes no writes is asked again while another one is
// silent. Three hosts are dialled less than ten times a second then.
const askInterval = 300 * time.Millisecond

// primary finds the primary among the hosts of a connection string. It asks all hosts at
// once, so a host that is silent delays no connection; the driver would ask one after the
// other. Once found, the primary is dialled alone, until that or one of its connections
// fails.
type primary struct {
	hosts  []*pgconn.Config
	bounds Bounds
	fence  fence

	mu      sync.Mutex
	current *pgconn.Config // nil when it has to be searched.
	search  *search        // Under way; nil for none.
}

// search is a search for the primary. Its result is valid once done is closed.
type search struct {
	done chan struct{}
	host *pgconn.Config
	err  error
}

// findPrimary has a configuration's connections lead to the primary among its hosts.
// Renewed is called when that has changed and the connections until then are stale.
func findPrimary(config *pgx.ConnConfig, bounds Bounds, renewed func()) *primary {
	p := &primary{bounds: bounds, fence: fence{overtaken: renewed}}
	p.bounds.Connect = config.ConnectTimeout
	for _, entry := range append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		last := len(p.hosts) - 1
		if last >= 0 && p.hosts[last].Host == entry.Host && p.hosts[last].Port == entry.Port {
			p.hosts[last].Fallbacks = append(p.hosts[last].Fallbacks, entry) // The same with TLS, or without.
			continue
		}
		host := config.Config.Copy()
		host.Host, host.Port, host.TLSConfig, host.Fallbacks = entry.Host, entry.Port, entry.TLSConfig, nil
		p.hosts = append(p.hosts, host)
	}
	isPrimary := config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := isPrimary(ctx, conn); err != nil {
			return err
		}
		at, err := readTimeline(ctx, conn)
		if err != nil {
			return err
		}
		return p.fence.admit(at)
	}
	return p
}

// direct has a connection lead to the primary.
func (p *primary) direct(ctx context.Context, config *pgx.ConnConfig) error {
	host, err := p.find(ctx)
	if err != nil {
		return err
	}
	config.Host, config.Port, config.TLSConfig, config.Fallbacks = host.Host, host.Port, host.TLSConfig, host.Fallbacks
	return nil
}

// forget has the next connection search the primary.
func (p *primary) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = nil
}

// find returns the host of the primary. One search is under way at a time; others wait
// for its result.
func (p *primary) find(ctx context.Context) (*pgconn.Config, error) {
	p.mu.Lock()
	if p.current != nil {
		defer p.mu.Unlock()
		return p.current, nil
	}
	s := p.search
	if s != nil {
		p.mu.Unlock()
		select {
		case <-s.done:
			return s.host, s.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s = &search{done: make(chan struct{})}
	p.search = s
	p.mu.Unlock()

	s.host, s.err = p.askAll(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.search = s.host, nil
	close(s.done)
	return s.host, s.err
}

// answer is what a host has said.
type answer struct {
	host int // Its index.
	at   timeline
	err  error // Not the primary, or not reached.
}

// askAll asks all hosts until one is the primary, or all have said that they are not.
//
// A former primary that was paused or cut off may say that it is one. So when one has
// said so, the others have a moment to say that they are on a later timeline.
func (p *primary) askAll(ctx context.Context) (*pgconn.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, p.bounds.Connect)
	defer cancel() // Ends all that still ask.
	answers := make(chan answer)
	for i := range p.hosts {
		go p.ask(ctx, i, answers)
	}
	latest := make([]error, len(p.hosts))
	for i, host := range p.hosts {
		latest[i] = fmt.Errorf("%s: no answer within %v", address(host), p.bounds.Connect)
	}
	heard := make(map[int]bool)
	var best *answer
	var enough <-chan time.Time
	for len(heard) < len(p.hosts) {
		select {
		case a := <-answers:
			heard[a.host], latest[a.host] = true, a.err
			if a.err != nil {
				continue
			}
			if best == nil || a.at.isAfter(best.at) || !best.at.isAfter(a.at) && a.host < best.host {
				best = &a
			}
			if enough == nil {
				timer := time.NewTimer(p.bounds.OtherHosts)
				defer timer.Stop()
				enough = timer.C
			}
			continue
		case <-enough:
		case <-ctx.Done():
		}
		break
	}
	if best == nil {
		return nil, fmt.Errorf("no host is the primary: %w", errors.Join(latest...))
	}
	return p.hosts[best.host], nil
}

// ask asks one host whether it is the primary, until it is.
func (p *primary) ask(ctx context.Context, i int, answers chan<- answer) {
	for {
		a := answer{host: i}
		a.at, a.err = p.askOnce(ctx, p.hosts[i])
		select {
		case answers <- a:
		case <-ctx.Done():
			return
		}
		if a.err == nil {
			return
		}
		again := time.NewTimer(askInterval)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
	}
}

// askOnce returns the timeline of a host that is the primary.
func (p *primary) askOnce(ctx context.Context, host *pgconn.Config) (at timeline, err error) {
	conn, err := pgconn.ConnectConfig(context.WithValue(ctx, attemptKey{}, true), host)
	if err != nil {
		return timeline{}, err
	}
	defer func() { _ = conn.Close(ctx) }() // Nothing is left to save.
	if at, err = readTimeline(ctx, conn); err == nil {
		err = p.fence.admit(at)
	}
	if err != nil {
		return timeline{}, fmt.Errorf("%s: %w", address(host), err)
	}
	return at, nil
}

// address names a host in errors.
func address(host *pgconn.Config) string {
	return net.JoinHostPort(host.Host, strconv.Itoa(int(host.Port)))
}

// timeline is a history of changes that a primary continues. PostgreSQL begins the next
// one with each promotion. The zero value is one that the server doesn't tell.
type timeline struct {
	cluster string // PostgreSQL's system identifier: of the same data at some time.
	number  uint32
}

// isAfter reports whether a timeline has overtaken another one of the same cluster.
func (t timeline) isAfter(other timeline) bool {
	return t.cluster != "" && t.cluster == other.cluster && t.number > other.number
}

// readTimeline returns the timeline that a primary writes.
func readTimeline(ctx context.Context, conn *pgconn.PgConn) (timeline, error) {
	results, err := conn.Exec(ctx, `
		SELECT system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
		FROM   pg_control_system()`).ReadAll()
	if _, refused := pgError(err); refused { // No right to, or no such function.
		return timeline{}, nil
	}
	if err != nil {
		return timeline{}, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return timeline{}, nil
	}
	row := results[0].Rows[0]
	number, err := strconv.ParseUint(string(row[1]), 16, 32)
	if err != nil {
		return timeline{}, nil //nolint:nilerr // Not PostgreSQL's way to name a file.
	}
	return timeline{cluster: string(row[0]), number: uint32(number)}, nil
}
