package database

import (
	"fmt"
	"sync"
	"time"
)

// fenceTime is how long a primary on an earlier timeline than one before is refused while
// there is no other. A former primary ends within seconds once it can reach its cluster
// manager. One that is there for longer is a backup that was restored.
const fenceTime = time.Minute

// fence keeps connections from a former primary. One that was paused or cut off while a
// standby took over says that it is the primary, and shows old data, until its cluster
// manager ends it. The zero value has seen none.
type fence struct {
	mu           sync.Mutex
	latest       timeline
	refusedSince time.Time // The first search that has met a former primary alone, since a success or a later timeline.
}

// formerPrimaryError says that a server is on an earlier timeline than one that was seen.
type formerPrimaryError struct{ at, seen timeline }

// Error implements error.
func (e *formerPrimaryError) Error() string {
	return fmt.Sprintf("a former primary: it is on timeline %d, and %d has been seen", e.at.number, e.seen.number)
}

// see notes the timeline of a primary, and reports whether it is later than the latest.
func (f *fence) see(at timeline) (isLater bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	isLater = at.isAfter(f.latest)
	if isLater || f.latest.cluster == "" {
		f.latest, f.refusedSince = at, time.Time{}
	}
	return isLater
}

// seen returns the latest timeline.
func (f *fence) seen() timeline {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest
}

// isBehind reports whether a timeline was overtaken.
func (f *fence) isBehind(at timeline) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest.isAfter(at)
}

// accept reports whether a search may take the primary that it has found, and notes its
// timeline then. One that was overtaken, perhaps since the search looked, is refused until
// no other has been found for long enough.
func (f *fence) accept(at timeline, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.latest.isAfter(at) {
		if f.refusedSince.IsZero() {
			f.refusedSince = now
		}
		if now.Sub(f.refusedSince) < fenceTime {
			return false
		}
	}
	f.refusedSince = time.Time{}
	if at.cluster != "" {
		f.latest = at
	}
	return true
}
