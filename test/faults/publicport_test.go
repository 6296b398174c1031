//go:build linux

package faults

import (
	"net/http"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestPreflightWhileTheDatabaseIsHeldUp(t *testing.T) {
	const preflights = 50
	r := newRow(t, "preflight with the pool held")
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": "2"})
	unlock := pgtest.LockTable(t, database, "todo")
	l := load.StartReads(t, s.URL, s.Issuer, 20)
	pgtest.WaitForLocked(t, database, 2)
	client := stack.NewClient(t, false)
	var got load.Answers
	for range preflights {
		got = append(got, stack.Call(t, client, http.MethodOptions, s.URL+"/api/todos", "",
			"Origin", stack.PageOrigin, "Access-Control-Request-Method", http.MethodPatch, "Access-Control-Request-Headers", "authorization,content-type"))
	}
	unlock()
	l.Finish()
	r.Did("%d without a token while every connection to the database was held", preflights)
	r.None("answers other than 204", len(got.Without(http.StatusNoContent)))
	r.None("without CORS headers", len(got.Where(func(a stack.Answer) bool { return a.Header.Get("Access-Control-Allow-Origin") != stack.PageOrigin })))
	// Nine of ten: the machine may be busy for a moment.
	report.AtMost(r, "nine of ten within", got.Quantile(0.9), jitter)
}

func TestNothingElseIsServed(t *testing.T) {
	r := newRow(t, "metrics and pprof")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	client := stack.NewClient(t, false)
	paths := []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/requests", "/debug/events"}
	var got load.Answers
	for _, path := range paths {
		got = append(got, stack.Call(t, client, http.MethodGet, s.URL+path, ""))
	}
	r.Did("asked for %d such paths", len(paths))
	r.None("answers other than 404", len(got.Without(http.StatusNotFound)))
}
