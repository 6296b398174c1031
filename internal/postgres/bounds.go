package postgres

import "time"

// The bounds of a call, and of the connection that it has.
const (
	connectTimeout   = 3 * time.Second // For each address of the database.
	acquireTimeout   = time.Second
	statementTimeout = 5 * time.Second

	// A connection that was idle for longer is pinged before it is used.
	pingAfter   = time.Second
	pingTimeout = 500 * time.Millisecond

	// sharingPatience is how long a statement may take while others wait for it.
	sharingPatience = 250 * time.Millisecond
)

// bounds are those that a test sets when it is about one of them, or about none.
type bounds struct {
	Connect            time.Duration
	Acquire, Statement time.Duration
	PingAfter, Ping    time.Duration
	Sharing            time.Duration
}

// usualBounds returns those of a service.
func usualBounds() bounds {
	return bounds{
		Connect:   connectTimeout,
		Acquire:   acquireTimeout,
		Statement: statementTimeout,
		PingAfter: pingAfter,
		Ping:      pingTimeout,
		Sharing:   sharingPatience,
	}
}
