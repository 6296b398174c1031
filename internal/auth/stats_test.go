package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/auth"
)

func TestStatsFollowTheFetches(t *testing.T) {
	t.Parallel()
	bubble(t, auth.KeySetConfig{TTL: time.Hour, MaxStale: 2 * time.Hour}, func(w *world) {
		check := func(want auth.KeySetStats) {
			w.Helper()
			if got := w.keys.Stats(); got != want {
				w.Errorf("%+v, want %+v", got, want)
			}
		}
		began := time.Now()
		check(auth.KeySetStats{Keys: 1, Fetched: began, MaxStale: 2 * time.Hour, Fetches: 1})
		w.wire.down.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		check(auth.KeySetStats{Keys: 1, Fetched: began, MaxStale: 2 * time.Hour, Fetches: 2, Failures: 1})
	})
}
