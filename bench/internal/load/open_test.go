package load

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// open makes calls until there are no more, at a rate that no test is about: on
// a busy machine it may be missed. It fails the test when any of its goroutines
// is still at work afterwards.
func open(t *testing.T, target Target, next Source) *Result {
	t.Helper()
	var r *Result
	var err error
	pprof.Do(t.Context(), pprof.Labels("test", t.Name()), func(ctx context.Context) {
		r, err = Open(ctx, target, 1000, next, Window{Length: 30 * time.Second, Begin: func() {}, End: func() {}})
	})
	if r == nil || err != nil && !errors.Is(err, ErrBehind) {
		t.Fatal(err)
	}
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(stacks.String(), "\n\n") {
		if strings.Contains(stack, `"test":"`+t.Name()+`"`) && strings.Contains(stack, "bench/internal/load.") {
			t.Errorf("a goroutine is left:\n%s", stack)
		}
	}
	return r
}

// gets is a source of so many calls.
func gets(n int) Source {
	return func() (Call, bool) {
		n--
		return Call{Operation: Get, Todo: someTodo}, n >= 0
	}
}

func TestOpenMakesCallsAtARate(t *testing.T) {
	t.Parallel()
	for _, protocol := range []Protocol{ConnectJSON, GRPC} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			s := &service{}
			w := Window{Warmup: 50 * time.Millisecond, Length: 400 * time.Millisecond, Begin: func() {}, End: func() {}}
			r, err := Open(t.Context(), Target{Addr: s.start(t), Protocol: protocol, Tokens: []string{"t"}}, 200, gets(1<<30), w)
			if r == nil { // Behind it may be, on a busy machine.
				t.Fatal(err)
			}
			if r.Made == 0 || r.Made > 91 || r.Refused != 0 || int(r.Made) != len(s.asked) {
				t.Errorf("made %d, of which %d were refused and %d arrived: %s", r.Made, r.Refused, len(s.asked), r.Answer)
			}
		})
	}
}

func TestOpenMakesTheCallsItIsGiven(t *testing.T) {
	t.Parallel()
	want := eachAsked()
	slices.Sort(want) // They may arrive in any order.
	for _, protocol := range []Protocol{ConnectBinary, GRPC} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			s := &service{title: strings.Repeat("t", 40_000)}
			r := open(t, Target{Addr: s.start(t), Protocol: protocol, Tokens: []string{"", "token of 1"}}, each())
			slices.Sort(s.asked)
			if n := uint64(len(want)); r.Made != n || r.Latency.Total() != n || r.Refused != 0 || !slices.Equal(s.asked, want) {
				t.Errorf("made %d, counted %d, refused %d: %s\n got %q\nwant %q", r.Made, r.Latency.Total(), r.Refused, r.Answer, s.asked, want)
			}
		})
	}
}

// Each answers with no success and lets the connection go on.
func TestARefusedCallIsCountedAndItsConnectionStays(t *testing.T) {
	t.Parallel()
	_, failing := todov1connect.NewTodoServiceHandler(&service{fail: true})
	tests := []struct {
		name    string
		handler http.Handler
		answer  string
	}{
		{"a gRPC status", failing, "gRPC status 5 EOF"},
		{"a reset", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "stream reset: INTERNAL_ERROR"},
		{"no trailers", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) }), "without a gRPC status"},
		{"no body", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "gRPC status"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.handler)
			r := open(t, Target{Addr: s.addr, Protocol: GRPC, Tokens: []string{"t"}}, gets(20))
			if r.Made != 20 || r.Refused != 20 || r.Latency.Total() != 0 || !strings.Contains(r.Answer, test.answer) {
				t.Errorf("made %d, refused %d, counted %d: %s", r.Made, r.Refused, r.Latency.Total(), r.Answer)
			}
			if got := s.connections.Load(); got != 1 {
				t.Errorf("%d connections", got)
			}
		})
	}
}

// The handler answers none of so many calls until all are there.
func TestMoreCallsAreUnderWayThanAConnectionCarries(t *testing.T) {
	t.Parallel()
	const calls = streams + streams/2
	var answering service
	_, handler := todov1connect.NewTodoServiceHandler(&answering)
	var there sync.WaitGroup
	there.Add(calls)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there.Done()
		there.Wait()
		handler.ServeHTTP(w, r)
	}))
	r := open(t, Target{Addr: s.addr, Protocol: GRPC, Tokens: []string{"t"}}, gets(calls))
	if r.Made != calls || r.Refused != 0 || r.Latency.Total() != calls || len(answering.asked) != calls {
		t.Errorf("made %d, refused %d, counted %d: %s", r.Made, r.Refused, r.Latency.Total(), r.Answer)
	}
	if got := s.connections.Load(); got != 2 {
		t.Errorf("%d connections", got)
	}
}

// breaking closes the connections of the calls that come before the last of so
// many has, and answers later ones.
func breaking(calls int64) http.Handler {
	var come atomic.Int64
	_, handler := todov1connect.NewTodoServiceHandler(&service{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := come.Add(1); {
		case n > calls:
			handler.ServeHTTP(w, r)
		case n == calls:
			if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
				_ = conn.Close()
			}
			fallthrough
		default:
			<-r.Context().Done()
		}
	})
}

func TestCallsFailWithTheirConnection(t *testing.T) {
	t.Parallel()
	const lost = 20
	s := serve(t, breaking(lost))
	r := open(t, Target{Addr: s.addr, Protocol: GRPC, Tokens: []string{"t"}}, gets(lost))
	if r.Made != lost || r.Refused != lost || strings.Contains(r.Answer, errLate.Error()) {
		t.Errorf("made %d, failed %d: %s", r.Made, r.Refused, r.Answer)
	}
	nobody := Target{Addr: "127.0.0.1:0", Protocol: GRPC, Tokens: []string{"t"}}
	if r := open(t, nobody, gets(lost)); r.Made != lost || r.Refused != lost {
		t.Errorf("made %d, failed %d: %s", r.Made, r.Refused, r.Answer)
	}
}

// roundTrips makes so many calls at once and returns what they failed with.
func roundTrips(t *testing.T, p *http2Pool, calls int) []error {
	t.Helper()
	requests := prepare(Target{Addr: p.addr, Protocol: GRPC, Tokens: []string{"t"}})
	address, body := requests.open(Call{Operation: Get, Todo: someTodo})
	failed := make([]error, calls)
	var callers sync.WaitGroup
	for i := range failed {
		callers.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			_, failed[i] = p.RoundTrip(r) //nolint:bodyclose // It has none.
		})
	}
	callers.Wait()
	return failed
}

func TestCallsGoOnOverANewConnectionOnceOneIsLost(t *testing.T) {
	t.Parallel()
	const lost = 20
	s := serve(t, breaking(lost))
	p := &http2Pool{addr: s.addr, timeout: openTimeout}
	defer p.close()
	for _, err := range roundTrips(t, p, lost) {
		if err == nil || refused(err) || errors.Is(err, errLate) {
			t.Errorf("a call over the lost connection: %v", err)
		}
	}
	if err := errors.Join(roundTrips(t, p, lost)...); err != nil {
		t.Error(err)
	}
	if got := s.connections.Load(); got != 2 || len(p.conns) != 1 {
		t.Errorf("%d connections, of which %d are kept", got, len(p.conns))
	}
}

func TestACallThatIsNotAnsweredFails(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	p := &http2Pool{addr: s.addr, timeout: 50 * time.Millisecond}
	defer p.close()
	if err := roundTrips(t, p, 1)[0]; !errors.Is(err, errLate) {
		t.Error(err)
	}
}
