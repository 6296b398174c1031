package database

import (
	"fmt"
	"sync"
	"time"
)

const (
	// fenceTime is how long a primary on an earlier timeline than one before is refused
	// while there is no other. A former primary ends within seconds once it can reach its
	// cluster manager. One that is there for longer is a backup that was restored.
	fenceTime = time.Minute

	// fenceGap is the longest time between two refusals that count as one outage.
	fenceGap = 30 * time.Second
)

// fence keeps connections from a former primary. One that was paused or cut off while a
// standby took over says that it is the primary, and shows old data, until its cluster
// manager ends it.
type fence struct {
	overtaken func() // Called when a later timeline is seen.

	mu           sync.Mutex
	latest       timeline
	refusedSince time.Time // The first refusal of this outage.
	refusedAt    time.Time // The last refusal; zero when a primary was admitted since.
}

// admit fails for a primary on an earlier timeline than the latest that was seen.
func (f *fence) admit(at timeline) error {
	isLater, err := f.judge(at, time.Now())
	if isLater {
		f.overtaken()
	}
	return err
}

func (f *fence) judge(at timeline, now time.Time) (isLater bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at.cluster == "" {
		return false, nil // Nothing is known of it.
	}
	if f.latest.isAfter(at) {
		if f.refusedAt.IsZero() || now.Sub(f.refusedAt) > fenceGap {
			f.refusedSince = now
		}
		f.refusedAt = now
		if now.Sub(f.refusedSince) < fenceTime {
			return false, fmt.Errorf("a former primary: it is on timeline %d, and %d has been seen", at.number, f.latest.number)
		}
	}
	isLater = at.isAfter(f.latest)
	f.latest, f.refusedAt = at, time.Time{}
	return isLater, nil
}
