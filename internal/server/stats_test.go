package server

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestStatsCountConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := newConnectionLimit(2, testConfig().Logger)
		conns := make([]net.Conn, 4)
		for i := range conns {
			conns[i], _ = net.Pipe()
			defer conns[i].Close()
		}
		check := func(what string, want ConnectionStats) {
			t.Helper()
			want.Limit = 2
			if got := limit.stats(); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		limit.admit(conns[0])
		limit.admit(conns[1])
		limit.track(conns[0], http.StateActive)
		check("one of two is active", ConnectionStats{New: 1, Active: 1, Accepted: 2})
		limit.track(conns[1], http.StateActive)
		if limit.admit(conns[2]) {
			t.Error("a third is admitted")
		}
		check("both are active", ConnectionStats{Active: 2, Accepted: 2, Refused: 1})
		limit.track(conns[1], http.StateIdle)
		if !limit.admit(conns[3]) {
			t.Error("none is admitted in place of an idle one")
		}
		check("one was idle", ConnectionStats{New: 1, Active: 1, Accepted: 3, Refused: 1, Evicted: 1})
		limit.fail(errors.New("no file descriptors"))
		limit.track(conns[0], http.StateClosed)
		check("one could not be accepted, and one is closed", ConnectionStats{New: 1, Accepted: 3, Refused: 1, Evicted: 1, Failed: 1})
		time.Sleep(2 * connectionLogInterval) // Until the log is done.
	})
}

func TestStatsHaveWhatIsUnreadAndTheDrain(t *testing.T) {
	t.Parallel()
	s := newTodoServer(t, testConfig())
	if err := s.unread.acquireBytes(userName("u"), 1000); err != nil {
		t.Fatal(err)
	}
	before := s.Stats()
	s.unread.releaseBytes(userName("u"), 1000)
	s.health.drain()
	after := s.Stats()
	if before.UnreadBytes != 1000 || before.Draining || after.UnreadBytes != 0 || !after.Draining {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if open, known := before.StreamsOpen[watchPath]; open != 0 || !known {
		t.Errorf("streams: %v", before.StreamsOpen)
	}
}
