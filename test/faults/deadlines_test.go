//go:build linux

package faults

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
	"golang.org/x/net/http2"
)

// TestShortDeadlines makes users call within their rate and leave before the response,
// in each of three ways. None of their statements may cost a connection to the database,
// since others would have to wait for a new one.
func TestShortDeadlines(t *testing.T) {
	const maxConns = 16
	duration := size(5*time.Second, 15*time.Second)
	for _, users := range []struct {
		name       string
		number     int
		rate       int // Of each.
		rateInLong int
	}{
		{"one user", 1, belowTheLimit, belowTheLimit},
		{"eight users", 8, 15, belowTheLimit},
	} {
		t.Run(users.name, func(t *testing.T) {
			r := newRow(t, "short deadlines: "+users.name)
			database := pgtest.NewDatabase(t)
			s := startTodod(t, stack.StartIssuer(t), database, map[string]string{"DATABASE_MAX_CONNS": fmt.Sprint(maxConns)})
			leavers := make([]*leaver, users.number)
			for n := range leavers {
				leavers[n] = newLeaver(t, s, fmt.Sprint("leaver-", n))
			}
			b := startBystander(t, s)
			admin := stack.Session(t, database)
			before := sessions(t, admin)
			rate := users.number * size(users.rate, users.rateInLong)
			mark, calls := s.Mark(), 0
			b.through(r, func() {
				atRate(rate, duration, func() {
					leavers[calls%len(leavers)].call(t)
					calls++
				})
			})
			left, wrong := 0, 0
			for _, l := range leavers {
				for _, line := range linesOf(s.Since(t, mark), l.user) {
					left++
					switch line.Status {
					case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusUnsupportedMediaType:
						wrong++
					}
				}
			}
			r.Did("%d calls/s by %s for %v, with deadlines of 1 to 3 ms, reset at once, or hung up on", rate, users.name, duration)
			r.Note("calls", calls)
			report.AtLeast(r, "of them noticed", left, calls/2)
			r.None("refused for what they ask", wrong)
			// The pool's own, and some whose cancel requests a busy server answered late.
			report.AtMost(r, "connections to the database that began", sessions(t, admin)-before, 2*maxConns)
		})
	}
}

// sessions returns how many sessions of a database have begun, by PostgreSQL's own
// count. Cancel requests don't count. PostgreSQL may count open sessions later.
func sessions(t *testing.T, admin *pgx.Conn) int {
	t.Helper()
	return stack.Ask[int](t, admin, "SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
}

// leaver is a user with a todo who makes calls and doesn't wait for the responses.
type leaver struct {
	todod  *stack.Todod
	user   string
	todo   string // Its id.
	client *http.Client
	framer *framer
	all    sync.WaitGroup
}

func newLeaver(t *testing.T, s *stack.Todod, user string) *leaver {
	t.Helper()
	l := &leaver{todod: s, user: user, client: stack.NewClient(t, false)}
	l.todo = newReaders(t, s, 1, user).owned[user][0]
	t.Cleanup(l.all.Wait)
	return l
}

// call makes an update, a create or a list, and leaves in one of three ways.
func (l *leaver) call(t *testing.T) {
	t.Helper()
	method, path, body := http.MethodPatch, "/api/todos/"+l.todo, `{"isCompleted":true}`
	switch mathrand.N(3) {
	case 0:
		method, path, body = http.MethodPost, "/api/todos", `{"title":"`+stack.CanaryTitle+`"}`
	case 1:
		method, path, body = http.MethodGet, "/api/todos?pageSize=200", ""
	}
	switch mathrand.N(3) {
	case 0:
		l.all.Go(func() { l.setDeadline(method, path, body, 1+mathrand.N(3)) })
	case 1:
		l.reset(t, method, path, body)
	default:
		l.hangUp(t, method, path, body)
	}
}

// setDeadline asks the service for an answer within milliseconds.
func (l *leaver) setDeadline(method, path, body string, milliseconds int) {
	req, err := http.NewRequestWithContext(context.Background(), method, l.todod.URL+path, strings.NewReader(body))
	if err != nil {
		panic(err) // Its parts are all made here.
	}
	req.Header.Set("Authorization", l.todod.Issuer.Bearer(l.user))
	req.Header.Set("Connect-Timeout-Ms", strconv.Itoa(milliseconds))
	if body != "" {
		req.Header.Set("Content-Type", stack.ContentTypeJSON)
	}
	stack.Send(l.client, req)
}

// reset resets the stream of a call at once.
func (l *leaver) reset(t *testing.T, method, path, body string) {
	t.Helper()
	if l.framer == nil || l.framer.ended() {
		l.framer = dialHTTP2(t, l.todod.Address, readAll)
	}
	headers := []string{"authorization", l.todod.Issuer.Bearer(l.user)}
	err := l.framer.request(method, path, body == "", append(headers, "content-type", stack.ContentTypeJSON)...)
	if body != "" && err == nil {
		err = l.framer.WriteData(l.framer.stream, true, []byte(body))
	}
	if err == nil {
		_ = l.framer.WriteRSTStream(l.framer.stream, http2.ErrCodeCancel) // It fails as the others do.
	}
}

// hangUp closes the connection of a call at once.
func (l *leaver) hangUp(t *testing.T, method, path, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", l.todod.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	length := ""
	if body != "" {
		length = fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", stack.ContentTypeJSON, len(body))
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n%s", method, path, l.todod.Issuer.Bearer(l.user), length, body)
	if err != nil {
		t.Fatal(err)
	}
}
