//go:build linux

package faults

import (
	"net/http"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
)

func TestPreflightWhileTheDatabaseIsHeldUp(t *testing.T) {
	const preflights = 50
	r := newRow(t, "preflight with the pool held")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, startIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "2"})
	unlock := pgtest.LockTable(t, database, "todo")
	l := startReads(t, s.url, s.issuer, 20)
	pgtest.WaitForLocked(t, database, 2)
	client := newClient(t, false)
	var got answers
	for range preflights {
		got = append(got, call(t, client, http.MethodOptions, s.url+"/api/todos", "",
			"Origin", pageOrigin, "Access-Control-Request-Method", http.MethodPatch, "Access-Control-Request-Headers", "authorization,content-type"))
	}
	unlock()
	l.finish()
	r.Did("%d without a token while every connection to the database was held", preflights)
	r.None("answers other than 204", len(got.without(http.StatusNoContent)))
	r.None("without CORS headers", len(got.where(func(a answer) bool { return a.header.Get("Access-Control-Allow-Origin") != pageOrigin })))
	// Nine of ten: the machine may be busy for a moment.
	report.AtMost(r, "nine of ten within", got.quantile(0.9), jitter)
}

func TestNothingElseIsServed(t *testing.T) {
	r := newRow(t, "metrics and pprof")
	s := startTodod(t, startIssuer(t), pgtest.NewDatabase(t), nil)
	client := newClient(t, false)
	paths := []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/requests", "/debug/events"}
	var got answers
	for _, path := range paths {
		got = append(got, call(t, client, http.MethodGet, s.url+path, ""))
	}
	r.Did("asked for %d such paths", len(paths))
	r.None("answers other than 404", len(got.without(http.StatusNotFound)))
}
