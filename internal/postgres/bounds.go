package postgres

import "time"

// The bounds of a call, and of the connection that it has.
const (
	connectTimeout   = 3 * time.Second // For each address of the database, unless the URL has connect_timeout.
	acquireTimeout   = time.Second
	statementTimeout = 5 * time.Second

	// A connection that was idle for longer is pinged before it is used.
	pingAfter   = time.Second
	pingTimeout = 500 * time.Millisecond

	// sharingPatience is how long a statement may take while others wait for it.
	sharingPatience = 250 * time.Millisecond

	// cancelDelay is how long a statement goes on after its caller has gone
	// before the server is asked to cancel it. Most end within it, and a cancel
	// request takes a connection of its own to the server.
	cancelDelay = 100 * time.Millisecond

	// cancelTimeout is how long after its context's end a statement has to end,
	// cancelDelay included. It leaves a cancel request the five round trips that
	// it takes with TLS, at 100 ms each. A connection that takes longer is given
	// up, so a dead one is noticed in less than a second.
	cancelTimeout = 750 * time.Millisecond

	// minStatementTime is what a caller has to have left for a statement to be
	// worth its while: about what a statement with its commit takes.
	minStatementTime = 2 * time.Millisecond
)

// bounds are those that a test sets when it is about one of them, or about none.
type bounds struct {
	Connect            time.Duration
	Acquire, Statement time.Duration
	PingAfter, Ping    time.Duration
	Sharing            time.Duration
	CancelDelay        time.Duration
	Cancel             time.Duration
}

// usualBounds returns those of a service.
func usualBounds() bounds {
	return bounds{
		Connect:     connectTimeout,
		Acquire:     acquireTimeout,
		Statement:   statementTimeout,
		PingAfter:   pingAfter,
		Ping:        pingTimeout,
		Sharing:     sharingPatience,
		CancelDelay: cancelDelay,
		Cancel:      cancelTimeout,
	}
}
