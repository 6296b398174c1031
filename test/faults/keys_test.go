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
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestUnknownKeyIDs(t *testing.T) {
	const (
		calls  = 1000
		within = 10 * time.Second
	)
	r := newRow(t, "unknown key IDs")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	l := load.StartReads(t, s.URL, s.Issuer, 50)
	client := stack.NewClient(t, false)
	tokens := make([]string, calls)
	for i := range tokens {
		header := s.Issuer.Header()
		header["kid"] = rand.Text()
		tokens[i] = "Bearer " + s.Issuer.Sign(header, s.Issuer.Claims("u"))
	}

	var got load.Answers
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
				a := stack.Call(t, client, http.MethodGet, s.URL+"/api/todos", "", "Authorization", token)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, a)
			})
		}
		all.Wait()
	})
	r.Did("%d tokens, each with an ID of its own, in %v", len(got), within)
	r.None("answers other than 401", len(got.Without(http.StatusUnauthorized)))
	// But for that at the start. The service counts when fetches begin, and the issuer when
	// they arrive: the first may take longer than the others.
	report.AtMost(r, "most fetches in 10 s", mostIn(s.Issuer.FetchTimes()[1:], within-time.Second), 2)
}

func TestKeySetFaults(t *testing.T) {
	r := newRow(t, "key set endpoint at fault")
	issuer := stack.StartIssuer(t)
	settings := noHeapFloor()
	settings["JWKS_CACHE_TTL"] = "1" // Fetched each second, and kept for a day when that fails.
	s := startTodod(t, issuer, pgtest.NewDatabase(t), settings)
	l := load.StartReads(t, s.URL, issuer, 100)
	faults := map[string]func(){
		"500":         func() { issuer.Fail(http.StatusInternalServerError) },
		"hangs":       issuer.Hang,
		"HTML":        func() { issuer.ServeBody("text/html", "<!doctype html><title>Sign in</title>") },
		"{}":          func() { issuer.ServeBody(stack.ContentTypeJSON, "{}") },
		"no keys":     func() { issuer.ServeBody(stack.ContentTypeJSON, `{"keys":[]}`) },
		"100 MB":      func() { issuer.Answer(http.HandlerFunc(answerHuge)) },
		"10,000 keys": func() { issuer.ServeBody(stack.ContentTypeJSON, manyKeys(10_000)) },
		"redirects": func() {
			issuer.Answer(http.RedirectHandler("http://localhost:1/keys", http.StatusFound))
		},
		"refused": issuer.Leave,
	}
	var added stack.Mebibytes
	r.Try(func(r *report.Row) {
		mark := s.Mark()
		l.During(3 * time.Second)
		calm := requestsOf(s.Since(t, mark), l.Prefix).P99()
		var during, requests load.Answers
		for name, begin := range faults {
			// The keys are new, so that the next fetch is a second away at most.
			before := issuer.Fetches()
			stack.Eventually(t, "the keys are fetched", func() bool { return issuer.Fetches() > before+1 })
			memory := s.ResetPeak(t)
			begin()
			before = issuer.Fetches()
			mark, from := s.Mark(), time.Now()
			if name != "refused" {
				stack.Eventually(t, "the keys are asked for", func() bool { return issuer.Fetches() > before })
			}
			time.Sleep(1500 * time.Millisecond) // Callers meet the fault.
			during = append(during, l.Since(from)...)
			requests = append(requests, requestsOf(s.Since(t, mark), l.Prefix)...)
			added = max(added, s.Peak(t)-memory)
			if name == "refused" {
				issuer.Come(t)
			}
			issuer.Heal()
		}
		served(r, "calls with known keys", during)
		report.AtMost(r, "p99 of them", requests.P99(), max(50*time.Millisecond, twice(calm)))
	})
	r.Did("9 faults of it, one after the other, at 100 calls/s")
	report.AtMost(r, "memory added", added, stack.Mebibytes(10))
}

// answerHuge begins a key set that has no end for a long time.
func answerHuge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", stack.ContentTypeJSON)
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
	issuer := stack.NewIssuer(t)
	s := startTodod(t, issuer, pgtest.NewDatabase(t), nil)
	client := stack.NewClient(t, false)
	var before load.Answers
	for range 10 {
		before = append(before, s.List(t, client, "u"))
		time.Sleep(100 * time.Millisecond) // The attempts to fetch grow apart.
	}
	advised := before.Where(func(a stack.Answer) bool { return a.Header.Get("Retry-After") != "" })
	issuer.Come(t)
	took := stack.Eventually(t, "calls are served", func() bool { return s.List(t, client, "u").Status == http.StatusOK })

	r.Did("started the service first, the issuer a second later")
	r.None("answers before other than 503", len(before.Without(http.StatusServiceUnavailable)))
	report.Same(r, "with Retry-After", len(advised), len(before))
	report.AtMost(r, "served within", took, load.RecoveryBound)
}
