//go:build linux

package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// startProxy runs a proxy before a server, to whose connections toxics can be
// added.
func startProxy(t *testing.T, server string) *toxiproxy.Proxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // Toxics don't use the logger that they are given.
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, "server", "127.0.0.1:0", server)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return proxy
}

// poison adds toxics, as toxiproxy's API takes them.
func poison(t *testing.T, proxy *toxiproxy.Proxy, toxics ...string) {
	t.Helper()
	for _, toxic := range toxics {
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPoorNetworkToTheDatabase(t *testing.T) {
	for _, fault := range []struct {
		name   string
		toxics []string
		pulses bool // The toxics come and go.
		served bool // Calls are slow, and succeed.
	}{
		{
			name:   "latency",
			toxics: []string{`{"type":"latency","stream":"downstream","attributes":{"latency":100,"jitter":50}}`},
			served: true,
		},
		{
			name:   "trickle",
			toxics: []string{`{"type":"bandwidth","stream":"downstream","attributes":{"rate":20}}`, `{"type":"slicer","stream":"upstream","attributes":{"average_size":16,"size_variation":8,"delay":100}}`},
			served: true,
		},
		{
			name:   "resets",
			toxics: []string{`{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`},
			pulses: true,
		},
		{
			name:   "cut replies",
			toxics: []string{`{"type":"limit_data","stream":"downstream","attributes":{"bytes":2000}}`},
		},
		{
			name:   "silence",
			toxics: []string{`{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`},
		},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			rate := 50
			if fault.served {
				rate = 20 // Each call has a connection for most of a second.
			}
			lasts := size(5*time.Second, 20*time.Second)
			r := newRow(t, "poor network: "+fault.name)
			database := pgtest.NewDatabase(t)
			proxy := startProxy(t, stack.HostOf(database))
			s := startTodod(t, stack.StartIssuer(t), stack.ThroughHost(database, proxy.Listen), nil)
			l := load.Start(t, s.URL, s.Issuer, rate)
			l.During(time.Second)

			mark, began := s.Mark(), time.Now()
			r.Try(func(r *report.Row) {
				from := time.Now()
				poison(t, proxy, fault.toxics...)
				for time.Since(from) < lasts { // Callers meet the fault.
					time.Sleep(50 * time.Millisecond)
					if fault.pulses {
						proxy.Toxics.ResetToxics(t.Context())
						time.Sleep(100 * time.Millisecond)
						poison(t, proxy, fault.toxics...)
					}
				}
				proxy.Toxics.ResetToxics(t.Context())
				healed := time.Now()
				report.AtMost(r, "served again within", l.Recovered(t, healed), load.RecoveryBound)
				if during := l.SoFar().Between(from, healed); fault.served {
					served(r, "calls", during)
				} else {
					report.AtLeast(r, "failed", len(during.Failed()), 1)
				}
			})
			all := l.Since(began)

			r.Did("%s between service and database for %v at %d calls/s", fault.name, lasts, rate)
			r.Note("answers", all)
			r.None("answers other than 200 and 503", len(all.Without(http.StatusOK, http.StatusServiceUnavailable)))
			report.AtMost(r, "slowest", requestsOf(s.Since(t, mark), l.Prefix).Slowest(), callBound)
			l.Check(r, database)
		})
	}
}
