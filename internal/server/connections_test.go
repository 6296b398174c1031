package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeConn is a connection that knows whether it was closed.
type fakeConn struct {
	net.Conn
	closed bool
}

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

// newTracked returns connections that log nowhere.
func newTracked(most int) *connectionLimit {
	return newConnectionLimit(most, slog.New(slog.DiscardHandler))
}

// arrive has a new connection admitted, after a while.
func arrive(c *connectionLimit, admitted bool) *fakeConn {
	time.Sleep(10 * time.Millisecond)
	conn := new(fakeConn)
	if c.admit(conn) != admitted {
		panic(fmt.Sprintf("admitted: %v", !admitted))
	}
	if admitted {
		c.track(conn, http.StateNew)
	}
	return conn
}

// become has connections change their state, one after the other.
func become(c *connectionLimit, state http.ConnState, conns ...*fakeConn) {
	for _, conn := range conns {
		time.Sleep(10 * time.Millisecond)
		c.track(conn, state)
	}
}

// closed lists which of the connections were closed.
func closed(conns ...*fakeConn) (indexes []int) {
	for i, conn := range conns {
		if conn.closed {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

func TestANewcomerTakesThePlaceOfWhoIsIdleLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTracked(3)
		all := []*fakeConn{arrive(c, true), arrive(c, true), arrive(c, true)}
		become(c, http.StateActive, all...)
		become(c, http.StateIdle, all[2], all[0], all[1])
		become(c, http.StateActive, all[2]) // It is idle no longer, then last.
		become(c, http.StateIdle, all[2])
		var evicted []int
		for range 3 {
			all = append(all, arrive(c, true))
			become(c, http.StateActive, all[len(all)-1])
			for _, i := range closed(all...) {
				if !slices.Contains(evicted, i) {
					evicted = append(evicted, i)
				}
			}
		}
		if !slices.Equal(evicted, []int{0, 1, 2}) {
			t.Errorf("%v were closed, in this order", evicted)
		}
		if len(c.open) != 3 {
			t.Errorf("%d connections are open", len(c.open))
		}
	})
}

func TestAnActiveConnectionIsNeverClosedForANewcomer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTracked(2)
		active := []*fakeConn{arrive(c, true), arrive(c, true)}
		become(c, http.StateActive, active...)
		time.Sleep(time.Hour)
		for range 10 {
			if refused := arrive(c, false); !refused.closed {
				t.Error("a newcomer without a place was left open")
			}
		}
		if got := closed(active...); got != nil {
			t.Errorf("active connections were closed: %v", got)
		}
		become(c, http.StateClosed, active[0])
		arrive(c, true)
	})
}

func TestAConnectionThatSendsNothingHasItsPlaceForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTracked(2)
		fresh := []*fakeConn{arrive(c, true), arrive(c, true)}
		arrive(c, false)
		time.Sleep(freshTime)
		arrive(c, true)
		if got := closed(fresh...); !slices.Equal(got, []int{0}) {
			t.Errorf("%v were closed", got)
		}
		// It says so late, and has no place that could be taken again.
		become(c, http.StateActive, fresh[0])
		become(c, http.StateIdle, fresh[0])
		become(c, http.StateClosed, fresh[0])
		if len(c.open) != 2 || c.idle.Len() != 0 || c.fresh.Len() != 2 {
			t.Errorf("%d open, %d idle, %d fresh", len(c.open), c.idle.Len(), c.fresh.Len())
		}
	})
}

// failingListener fails with each error in turn, and then accepts without end.
type failingListener struct {
	net.Listener
	errs     []error
	accepted int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
	}
	l.accepted++
	return new(fakeConn), nil
}

func (*failingListener) Close() error { return nil }

func TestAnAcceptThatFailsEndsNothingAndIsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lines := new(lockedBuffer)
		c := newConnectionLimit(10, slog.New(slog.NewJSONHandler(lines, nil)))
		idle := arrive(c, true)
		become(c, http.StateIdle, idle)
		errs := []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO, syscall.EPERM}
		for range 20 {
			errs = append(errs, syscall.EMFILE)
		}
		failures := len(errs)
		l := c.listener(&failingListener{errs: errs})
		began := time.Now()
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Duration(failures-10)*maxAcceptPause || took > time.Duration(failures)*maxAcceptPause {
			t.Errorf("%d failures took %v", failures, took)
		}
		if !idle.closed {
			t.Error("an idle connection kept its file descriptor")
		}
		time.Sleep(2 * connectionLogInterval)
		synctest.Wait()
		text := strings.TrimSpace(lines.take())
		if got := strings.Count(text, "\n") + 1; got > 6 {
			t.Errorf("%d lines in %v:\n%s", got, time.Since(began), text)
		}
		if !strings.Contains(text, `"failed":1,"cause":"accept tcp: too many open files"`) {
			t.Errorf("the first failure is not told:\n%s", text)
		}
	})
}

func TestAListenerThatIsClosedStopsAcceptingAlsoWhileItPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errs := make([]error, 100)
		for i := range errs {
			errs[i] = syscall.EMFILE
		}
		l := newTracked(1).listener(&failingListener{errs: errs})
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		time.Sleep(time.Minute)
		began := time.Now()
		for range 2 {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestWhatIsShedIsLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lines := new(lockedBuffer)
		c := newConnectionLimit(1, slog.New(slog.NewJSONHandler(lines, nil)))
		become(c, http.StateActive, arrive(c, true))
		for range 1000 { // In ten seconds.
			arrive(c, false)
		}
		time.Sleep(time.Hour)
		refused := 0
		text := strings.Split(strings.TrimSpace(lines.take()), "\n")
		for _, line := range text {
			var n int
			if _, err := fmt.Sscanf(line[strings.Index(line, `"refused"`):], `"refused":%d`, &n); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			refused += n
		}
		if len(text) > 4 || refused != 1000 {
			t.Errorf("%d lines tell of %d:\n%s", len(text), refused, text)
		}
	})
}
