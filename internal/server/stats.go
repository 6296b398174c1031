package server

// Stats is what a server does at the moment, and what it has done, for metrics.
type Stats struct {
	Draining    bool
	UnreadBytes int64            // Of responses to users' calls.
	StreamsOpen map[string]int64 // By procedure.
	Connections ConnectionStats
}

// ConnectionStats is about the connections of callers.
type ConnectionStats struct {
	New, Active, Idle int // That are open; a new one has sent no request yet.
	Limit             int

	Accepted int64
	Evicted  int64 // While idle, for a new one.
	Refused  int64 // Since all others were active.
	Failed   int64 // To be accepted.
}

// Stats returns the server's statistics.
func (s *Server) Stats() Stats {
	stats := Stats{
		Draining:    s.health.draining.Err() != nil,
		UnreadBytes: s.unread.bytes(),
		StreamsOpen: make(map[string]int64, len(s.routes.open)),
		Connections: s.connections.stats(),
	}
	for procedure, open := range s.routes.open {
		stats.StreamsOpen[procedure] = open.Load()
	}
	return stats
}

// bytes returns how many bytes are unread.
func (u *unreadResponses) bytes() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maxUnreadBytes - u.freeBytes
}

// stats returns the connections' statistics.
func (c *connectionLimit) stats() ConnectionStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.totals
	stats.Limit = c.limit
	stats.New, stats.Idle = c.fresh.Len(), c.idle.Len()
	stats.Active = len(c.open) - stats.New - stats.Idle
	return stats
}
