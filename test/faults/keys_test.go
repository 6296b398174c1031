//go:build linux

package faults

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
)

func TestUnknownKeyIDs(t *testing.T) {
	const (
		calls  = 1000
		within = 10 * time.Second
	)
	r := newRow(t, "unknown key IDs")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), nil)
	l := startReads(t, s.url, s.issuer, 50)
	client := newClient(t, false)
	tokens := make([]string, calls)
	for i := range tokens {
		header := s.issuer.Header()
		header["kid"] = rand.Text()
		tokens[i] = "Bearer " + s.issuer.Sign(header, s.issuer.Claims("u"))
	}

	var got answers
	p99During(r, l, "p99 of others", func(calm time.Duration) time.Duration {
		return (calm + 10*time.Millisecond + jitter).Round(time.Millisecond)
	}, func() {
		got = nil
		var (
			mu  sync.Mutex
			all sync.WaitGroup
		)
		ticker := time.NewTicker(within / calls)
		defer ticker.Stop()
		for _, token := range tokens {
			<-ticker.C
			all.Go(func() {
				a := call(t, client, http.MethodGet, s.url+"/api/todos", "", "Authorization", token)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, a)
			})
		}
		all.Wait()
	})
	r.Did("%d tokens, each with an ID of its own, in %v", len(got), within)
	r.None("answers other than 401", len(got.without(http.StatusUnauthorized)))
	report.AtMost(r, "most fetches in 10 s", mostIn(s.issuer.fetchTimes()[1:], within), 2) // But for that at the start.
}

func TestKeySetFaults(t *testing.T) {
	r := newRow(t, "key set endpoint at fault")
	issuer := startIssuer(t)
	settings := noHeapFloor()
	settings["JWKS_CACHE_TTL"] = "1" // Fetched each second, and kept for a day when that fails.
	s := startTodod(t, issuer, pgtest.NewDatabase(t), settings)
	l := startReads(t, s.url, issuer, 100)
	calm := l.during(3 * time.Second).p99()

	faults := map[string]func(){
		"500":         func() { issuer.Fail(http.StatusInternalServerError) },
		"hangs":       issuer.Hang,
		"HTML":        func() { issuer.ServeBody("text/html", "<!doctype html><title>Sign in</title>") },
		"{}":          func() { issuer.ServeBody(contentTypeJSON, "{}") },
		"no keys":     func() { issuer.ServeBody(contentTypeJSON, `{"keys":[]}`) },
		"100 MB":      func() { issuer.Answer(http.HandlerFunc(answerHuge)) },
		"10,000 keys": func() { issuer.ServeBody(contentTypeJSON, manyKeys(10_000)) },
		"redirects": func() {
			issuer.Answer(http.RedirectHandler("http://localhost:1/keys", http.StatusFound))
		},
		"refused": issuer.leave,
	}
	var during answers
	var added mebibytes
	for name, begin := range faults {
		// The keys are new, so that the next fetch is a second away at most.
		issuer.Heal()
		before := issuer.Fetches()
		eventually(t, "the keys are fetched", func() bool { return issuer.Fetches() > before+1 })
		memory := s.resetPeak(t)
		begin()
		before = issuer.Fetches()
		from := time.Now()
		if name != "refused" {
			eventually(t, "the keys are asked for", func() bool { return issuer.Fetches() > before })
		}
		time.Sleep(1500 * time.Millisecond) // Callers meet the fault.
		during = append(during, l.since(from)...)
		added = max(added, s.peak(t)-memory)
		if name == "refused" {
			issuer.come(t)
		}
	}
	r.Did("9 faults of it, one after the other, at 100 calls/s")
	r.None("known keys refused", len(during.failed()))
	report.AtMost(r, "p99 of calls", during.p99(), max(50*time.Millisecond, twice(calm)))
	report.AtMost(r, "memory added", added, mebibytes(10))
}

// answerHuge begins a key set that has no end for a long time.
func answerHuge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", contentTypeJSON)
	authtest.WriteHuge(w, `{"keys":[]}`) // The caller has enough at some time.
}

// manyKeys returns a set of small keys in as few bytes as they take.
func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"%d","alg":"RS256"}`, i)
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func TestStartWithoutTheIssuer(t *testing.T) {
	t.Parallel()
	r := newRow(t, "start without the issuer")
	issuer := newIssuer(t)
	s := startTodod(t, issuer, pgtest.NewDatabase(t), nil)
	client := newClient(t, false)
	var before answers
	for range 10 {
		before = append(before, s.list(t, client, "u"))
		time.Sleep(100 * time.Millisecond) // The attempts to fetch grow apart.
	}
	advised := before.where(func(a answer) bool { return a.header.Get("Retry-After") != "" })
	issuer.come(t)
	took := eventually(t, "calls are served", func() bool { return s.list(t, client, "u").status == http.StatusOK })

	r.Did("started the service first, the issuer a second later")
	r.None("answers before other than 503", len(before.without(http.StatusServiceUnavailable)))
	report.Same(r, "with Retry-After", len(advised), len(before))
	report.AtMost(r, "served within", took, recoveryBound)
}
