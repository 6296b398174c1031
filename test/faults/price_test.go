//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// price is what a kind of request costs the service.
type price struct {
	answers load.Answers
	cpu     time.Duration
}

// priceOf sends a request so many times, one after the other.
func priceOf(t *testing.T, s *stack.Todod, times int, send func() stack.Answer) price {
	t.Helper()
	var p price
	send() // The first of its kind costs more.
	p.cpu = s.CPUFor(t, func() {
		for range times {
			a := send()
			p.answers = append(p.answers, stack.Answer{Status: a.Status, Err: a.Err})
		}
	})
	return p
}

func (p *price) add(other price) {
	p.answers = append(p.answers, other.answers...)
	p.cpu += other.cpu
}

// TestBombsCostWhatPlainBodiesCost compares bodies that inflate to a thousand
// times their size with such that don't.
func TestBombsCostWhatPlainBodiesCost(t *testing.T) {
	const times = 250
	r := newRow(t, "the price of gzip bombs")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	bomb := string(gzipped(t, 62<<20))
	// A plain body of the same size on the wire, for comparison.
	plain := `{"title":"` + strings.Repeat("a", len(bomb)-len(`{"title":""}`)) + `"}`
	client, client2 := stack.NewClient(t, false), stack.NewClient(t, true)
	unanswered, served := 0, 0
	for _, endpoint := range []struct {
		name, path string
		token      bool
		grpc       bool
	}{
		{name: "REST", path: "/api/todos", token: true},
		{name: "REST without a token", path: "/api/todos"},
		{name: "an RPC", path: "/todo.v1.TodoService/CreateTodo", token: true},
		{name: "an RPC without a token", path: "/todo.v1.TodoService/CreateTodo"},
		{name: "gRPC", path: "/todo.v1.TodoService/CreateTodo", token: true, grpc: true},
		{name: "gRPC without a token", path: "/todo.v1.TodoService/CreateTodo", grpc: true},
		{name: "health", path: "/grpc.health.v1.Health/Check"},
		{name: "health by gRPC", path: "/grpc.health.v1.Health/Check", grpc: true},
		{name: "reflection", path: reflectPath, grpc: true},
	} {
		var headers []string
		if endpoint.token {
			headers = append(headers, "Authorization", s.Issuer.Bearer("u"))
		}
		post := func(body, encoding string) func() stack.Answer {
			return func() stack.Answer {
				if !endpoint.grpc {
					return stack.Call(t, client, http.MethodPost, s.URL+endpoint.path, body,
						append(headers, "Content-Type", stack.ContentTypeJSON, "Content-Encoding", encoding)...)
				}
				flags := "\x00"
				if encoding == "gzip" {
					flags = "\x01"
				}
				return stack.Call(t, client2, http.MethodPost, s.URL+endpoint.path, flags+envelope(body)[1:],
					append(headers, "Content-Type", "application/grpc", "Te", "trailers", "Grpc-Encoding", encoding)...)
			}
		}
		fair := priceOf(t, s, times, post(plain, "identity"))
		bombs := priceOf(t, s, times, post(bomb, "gzip"))
		unanswered += len(bombs.answers.With(0))
		if !endpoint.grpc { // Which says so elsewhere.
			served += len(bombs.answers.With(http.StatusOK))
		}
		report.AtMost(r, endpoint.name, bombs.cpu, 2*fair.cpu+2*stack.Tick)
	}
	r.Did("%d bodies of %d KB of gzip that inflate to 62 MB, by each way in; their processor time beside twice that of as many plain ones of the same size", times, len(bomb)>>10)
	r.None("not answered", unanswered)
	r.None("served", served)
}

// TestOddGetsCostWhatARefusalCosts sends reads with as many parameters and as
// many headers as a request has room for, without a token.
func TestOddGetsCostWhatARefusalCosts(t *testing.T) {
	const (
		times = 2000
		parts = 10
		path  = "/todo.v1.TodoService/ListTodos?connect=v1&encoding=json&message=%7B%7D"
	)
	r := newRow(t, "the price of odd GETs")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	client := stack.NewClient(t, false)
	unrefused := 0
	parameters := strings.Repeat("&a=b", 2500)
	for _, odd := range []struct {
		name, path string
		headers    int
		// A refusal of a request of the same size and shape, for which the
		// service has nothing to read.
		fair string
	}{
		{name: "2,500 parameters", path: path + parameters, fair: path + "&a=" + strings.Repeat("b", len(parameters)-3)},
		{name: "1,200 headers", path: path, headers: 1200, fair: "/nothing"},
	} {
		var headers []string
		for n := range odd.headers {
			headers = append(headers, fmt.Sprint("A", n), "b")
		}
		get := func(path string) func() stack.Answer {
			return func() stack.Answer { return stack.Call(t, client, http.MethodGet, s.URL+path, "", headers...) }
		}
		var fair, odds price
		for range parts { // In turn: the machine may be busy with something else.
			fair.add(priceOf(t, s, times/parts, get(odd.fair)))
			odds.add(priceOf(t, s, times/parts, get(odd.path)))
		}
		unrefused += len(odds.answers.Where(func(a stack.Answer) bool { return a.Status < 400 || a.Status > 499 }))
		report.AtMost(r, odd.name, odds.cpu, fair.cpu*3/2+2*stack.Tick)
	}
	r.Did("%d reads of each kind without a token; their processor time beside one and a half times that of as many other refusals of the same size", times)
	r.None("answers other than 4xx", unrefused)
}
