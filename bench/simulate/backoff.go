package main

import (
	"math"
	"time"
)

// policy is how long a client pauses before it tries again.
type policy struct {
	name  string
	pause func(sim *simulation, attempt int, retryAfter time.Duration) time.Duration
}

// roundTrip is between a client and the service, both ways.
const roundTrip = 50 * time.Millisecond

// growing is the page's: pauses that double, of which chance takes up to half, and no less
// than the service asks for (web/app/src/sync/backoff.ts).
func growing() policy {
	return policy{"as the page does", func(sim *simulation, attempt int, retryAfter time.Duration) time.Duration {
		longest := math.Min(float64(firstPause)*math.Pow(2, float64(attempt)), float64(longestPause))
		return max(time.Duration(longest*(1-sim.chance.Float64()/2)), retryAfter)
	}}
}

// obedient waits as long as the service asks for, and no longer.
func obedient() policy {
	return policy{"after Retry-After alone", func(_ *simulation, _ int, retryAfter time.Duration) time.Duration { return retryAfter }}
}

// hasty tries again five times a second, whatever the service asks for.
func hasty() policy {
	return policy{"five times a second", func(*simulation, int, time.Duration) time.Duration { return time.Second/5 - roundTrip }}
}

// wholeSeconds rounds up, as the service does for the header Retry-After.
func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}
