package auth

import "time"

// KeySetStats is what a KeySet holds at the moment, and what it has done, for metrics.
type KeySetStats struct {
	Keys     int
	Fetched  time.Time // When the keys were fetched; zero before the first success.
	Fetches  int64     // That have ended.
	Failures int64     // Of those.
}

// Stats returns the key set's statistics.
func (s *KeySet) Stats() KeySetStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := KeySetStats{Fetches: s.fetches, Failures: s.failures}
	if ring := s.current.Load(); ring != nil {
		stats.Keys, stats.Fetched = len(ring.keys), ring.fetched
	}
	return stats
}
