//go:build scale && linux

package scale

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

// cellRate is the calls per second over REST to each of two balancers.
const cellRate = 15

// region is several cells behind two balancers, under load.
type region struct {
	t         *testing.T // Of all parts: what runs ends with it.
	issuer    *stack.Issuer
	cells     []*cell
	balancers []*stack.HAProxy
	client    *http.Client
	idle      []string // Users who only have todos.
	calls     []*load.Load
	changes   *syncload.Run
}

func startRegion(t *testing.T) *region {
	t.Helper()
	g := &region{t: t, issuer: stack.StartIssuer(t), client: stack.NewClient(t, true)}
	for i := range startedCells {
		g.cells = append(g.cells, startCell(t, g.issuer, fmt.Sprint("cell", i+1)))
	}
	for range 2 {
		g.balancers = append(g.balancers, startCellBalancer(t, g.cells))
	}
	for _, b := range g.balancers {
		for _, c := range g.cells {
			b.AwaitServers(t, c.name, len(c.processes))
		}
	}
	return g
}

// environment names the balancers to cells.sh.
func (g *region) environment() string {
	folders := make([]string, 0, len(g.balancers))
	for _, b := range g.balancers {
		folders = append(folders, b.Folder)
	}
	return "BALANCERS=" + strings.Join(folders, " ")
}

// sh runs commands, which have to succeed, and returns what they print.
func (g *region) sh(t *testing.T, commands string) string {
	t.Helper()
	var output bytes.Buffer
	if err := shell(t, t.TempDir(), commands, &output, g.environment()); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, output.String())
	}
	return output.String()
}

// call makes a call of a user's by one of the balancers.
func (g *region) call(t *testing.T, by int, user, method, body string) stack.Answer {
	t.Helper()
	return served(func() stack.Answer {
		return stack.Call(t, g.client, method, g.balancers[by%len(g.balancers)].URL+"/api/todos", body,
			"Authorization", g.issuer.Bearer(user), "Content-Type", stack.ContentTypeJSON)
	})
}

// home returns the cell of a user who has not been moved.
func (g *region) home(user string) *cell { return g.cells[slotOf(user)*startedCells/slots] }

// startLoad makes users of every kind.
func (g *region) startLoad(t *testing.T) {
	t.Helper()
	for i := range size(80, 600) { // Enough for a share of them to mean something.
		user := fmt.Sprint("idle-", i)
		g.idle = append(g.idle, user)
		for range 2 {
			if a := g.call(t, i, user, http.MethodPost, fmt.Sprintf(`{"title":%q}`, stack.CanaryTitle)); a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s %v", user, a.Status, a.Body, a.Err)
			}
		}
	}
	one, other := g.balancers[0].URL, g.balancers[1].URL
	g.changes = syncload.New(t, syncload.Config{
		Issuer: g.issuer,
		Clients: []*syncload.Client{
			syncload.NewClient(t, one, false),
			syncload.NewClient(t, other, true),
			syncload.NewClient(t, one, true, connect.WithGRPC()),
			syncload.NewClient(t, other, false, connect.WithGRPCWeb()),
		},
		Pause:          writePause,
		ObeysRetryInfo: true,
	})
	for i := range size(10, 40) {
		g.changes.Add(fmt.Sprint("writes-", i), 1, syncload.Habits{Watches: true}, syncload.Habits{Events: true}, syncload.Habits{Wait: 5})
	}
	for i := range size(10, 100) {
		g.changes.Add(fmt.Sprint("follows-", i), 0, syncload.Habits{Watches: i%2 == 0, Events: i%2 == 1})
	}
	g.changes.Start()
	for _, b := range g.balancers {
		g.calls = append(g.calls, load.Start(t, b.URL, g.issuer, cellRate))
	}
}

// served returns the cells that have served each user, by their logs.
func (g *region) served(t *testing.T) map[string]map[string]bool {
	t.Helper()
	by := make(map[string]map[string]bool)
	for _, c := range g.cells {
		for _, log := range c.logs {
			for _, line := range log.Since(t, 0) {
				if line.Message == "request" && line.UserID != "" {
					if by[line.UserID] == nil {
						by[line.UserID] = make(map[string]bool)
					}
					by[line.UserID][c.name] = true
				}
			}
		}
	}
	return by
}

// homes returns the cells that have each user's todos.
func (g *region) homes(t *testing.T) map[string][]string {
	t.Helper()
	homes := make(map[string][]string)
	for _, c := range g.cells {
		for user := range c.users(t) {
			homes[user] = append(homes[user], c.name)
		}
	}
	return homes
}

// TestCells runs two cells behind two balancers, has one of them fail, and adds a third one,
// with the commands of docs/operations.md. Its parts come one after the other.
func TestCells(t *testing.T) {
	g := startRegion(t)
	g.startLoad(t)
	g.changes.ProceedBy(size(200, 2000))
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"each user meets one cell", g.testOneCellEach},
		{"hostile tokens", g.testHostileTokens},
		{"a cell is down", g.testCellDown},
		{"a third cell is added", g.testThirdCell},
		{"the balancers restart", g.testRestarts},
	} {
		if !t.Run(part.name, part.run) {
			return // The parts build on each other.
		}
	}
}

func (g *region) testOneCellEach(t *testing.T) {
	r := newRow(t, "cells: each user meets one")
	served, homes := g.served(t), g.homes(t)
	astray, several := 0, 0
	for user, by := range served {
		if len(by) > 1 || !by[g.home(user).name] {
			astray++
			t.Logf("%s was served by %v", user, by)
		}
	}
	for user, in := range homes {
		if len(in) > 1 || in[0] != g.home(user).name {
			several++
			t.Logf("%s has todos in %v", user, in)
		}
	}
	r.Did("called for %d users by two balancers, over REST, Connect, gRPC and gRPC-Web, with streams and long polls", len(served))
	r.None("users who met another cell than their own", astray)
	r.None("users with todos there", several)
	report.AtLeast(r, "users with todos", len(homes), len(g.idle))
}

func (g *region) testHostileTokens(t *testing.T) {
	r := newRow(t, "cells: hostile tokens")
	alice, bob := g.issuer.Bearer("hostile-alice"), g.issuer.Bearer("hostile-bob")
	token := func(bearer string) string { return strings.TrimPrefix(bearer, "Bearer ") }
	forms := map[string][]string{
		"two headers":           {alice, bob},
		"two headers, turned":   {bob, alice},
		"two in one":            {alice + ", " + bob},
		"two tokens":            {alice + " " + token(bob)},
		"a part of the scheme":  {"Bear " + token(alice)},
		"a tab":                 {"Bearer \t" + token(alice)},
		"a fourth part":         {alice + ".x"},
		"padding":               {alice + "="},
		"no scheme":             {token(alice)},
		"no header":             nil,
		"signed by nobody":      {alice[:len(alice)-8] + "AAAAAAAA"},
		"another user's claims": {spliced(token(alice), token(bob))},
	}
	let, other := 0, 0
	for name, values := range forms {
		for i := range g.balancers {
			var headers []string
			for _, value := range values {
				headers = append(headers, "Authorization", value)
			}
			a := stack.Call(t, g.client, http.MethodPost, g.balancers[i].URL+"/api/todos", `{"title":"x"}`,
				append(headers, "Content-Type", stack.ContentTypeJSON)...)
			if a.Status == http.StatusOK {
				let++
			} else if a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
				other++
				t.Logf("%s: %d %s %v", name, a.Status, a.Body, a.Err)
			}
		}
	}
	rows := 0
	for user := range g.homes(t) {
		if strings.HasPrefix(user, "hostile-") {
			rows++
		}
	}
	r.Did("sent tokens in %d forms", len(forms))
	r.None("let in", let)
	r.None("answers other than 401", other)
	r.None("users whom they have made", rows)
}

// spliced returns a token with the claims of another one.
func spliced(token, claims string) string {
	parts := strings.Split(token, ".")
	parts[1] = strings.Split(claims, ".")[1]
	return "Bearer " + strings.Join(parts, ".")
}

func (g *region) testCellDown(t *testing.T) {
	r := newRow(t, "cells: one is down")
	down, from, before := g.cells[1], time.Now(), g.changes.Responses()
	for _, p := range down.processes {
		p.Kill(t)
	}
	for _, b := range g.balancers {
		b.AwaitServers(t, down.name, 0)
	}
	refused, there, astray, others, unclear := 0, 0, 0, 0, 0
	for i, user := range g.idle {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a := g.call(t, i, user, method, map[string]string{http.MethodPost: fmt.Sprintf(`{"title":%q}`, stack.CanaryTitle)}[method])
			switch isDown := g.home(user) == down; {
			case isDown && a.Status == http.StatusServiceUnavailable:
				refused++
				if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, `"code":"unavailable"`) {
					unclear++
				}
			case isDown:
				astray++
			case a.Status == http.StatusOK:
				there++
			default:
				others++
			}
		}
	}
	r.Did("killed all processes of one of %d cells, and called for %d users", len(g.cells), len(g.idle))
	report.AtLeast(r, "its users' calls that got 503", refused, 1)
	r.None("of them without Retry-After or in another form", unclear)
	r.None("its users' calls with any other answer", astray)
	report.AtLeast(r, "other users' calls that succeeded", there, 1)
	r.None("that failed", others)
	down.startProcesses(g.t, g.issuer)
	for _, b := range g.balancers {
		b.AwaitServers(t, down.name, len(down.processes))
	}
	lost := 0
	for i, user := range g.idle {
		if a := g.call(t, i, user, http.MethodGet, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, stack.CanaryTitle) {
			lost++
			t.Logf("%s: %d %s", user, a.Status, a.Body)
		}
	}
	r.None("users who did not find their todos afterwards", lost)
	r.None("users with todos in another cell", g.astray(t, func(user string) string { return g.home(user).name }))
	g.changes.ProceedBy(size(50, 500))
	for _, l := range g.calls {
		reportREST(r, l.Since(from))
	}
	reportProtocols(r, g.changes.Responses().Since(before), cellDied)
}

// astray counts the users whose todos are not in their cell, or not in it alone.
func (g *region) astray(t *testing.T, home func(user string) string) (n int) {
	t.Helper()
	for user, in := range g.homes(t) {
		if len(in) > 1 || in[0] != home(user) {
			n++
			t.Logf("%s has todos in %v, not in %s", user, in, home(user))
		}
	}
	return n
}

func (g *region) testRestarts(t *testing.T) {
	r := newRow(t, "cells: the balancers restart")
	pinned := g.idle[0]
	elsewhere := map[string]string{"cell1": "cell2", "cell2": "cell3", "cell3": "cell1"}[g.homeOfThree(pinned)]
	// It is only pinned, so its calls are refused there or find nothing.
	g.sh(t, "cells.sh pin "+elsewhere+" "+pinned)
	where := func() string {
		var commands strings.Builder
		for _, user := range g.idle[:5] {
			fmt.Fprintf(&commands, "cells.sh where %s\n", user)
		}
		return g.sh(t, commands.String()+"cat "+g.balancers[0].Folder+"/*.map")
	}
	before := where()
	for _, b := range g.balancers {
		b.Kill(t)
		b.Start(g.t)
		for _, c := range g.cells {
			b.AwaitServers(t, c.name, len(c.processes))
		}
	}
	g.sh(t, "cells.sh check")
	differ := 0
	for i, line := range strings.Split(where(), "\n") {
		if lines := strings.Split(before, "\n"); i >= len(lines) || lines[i] != line {
			differ++
		}
	}
	g.sh(t, "cells.sh unpin "+pinned)
	lost := 0
	for i, user := range g.idle {
		if a := g.call(t, i, user, http.MethodGet, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, stack.CanaryTitle) {
			lost++
			t.Logf("%s: %d %s", user, a.Status, a.Body)
		}
	}
	r.Did("killed both balancers and started them again")
	r.None("users who are sent elsewhere, and lines of maps that differ", differ)
	r.None("users who did not find their todos", lost)
}
