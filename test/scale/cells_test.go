//go:build scale && linux

package scale

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"

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
	balancers []*cellBalancer
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
	slotMap := fmt.Sprintf("0:%d cell1\n%d:%d cell2\n", slots/2-1, slots/2, slots-1)
	for range 2 {
		g.balancers = append(g.balancers, startCellBalancer(t, slotMap, g.cells))
	}
	for _, b := range g.balancers {
		for _, c := range g.cells {
			b.awaitCell(t, c.name, len(c.processes))
		}
	}
	return g
}

// environment names the balancers to cells.sh.
func (g *region) environment() string {
	folders := make([]string, 0, len(g.balancers))
	for _, b := range g.balancers {
		folders = append(folders, b.maps())
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
	return stack.Call(t, g.client, method, g.balancers[by%len(g.balancers)].url+"/api/todos", body,
		"Authorization", g.issuer.Bearer(user), "Content-Type", stack.ContentTypeJSON)
}

// home returns the cell of a user who has not been moved.
func (g *region) home(user string) *cell { return g.cells[slotOf(user)*startedCells/slots] }

// startLoad makes users of every kind.
func (g *region) startLoad(t *testing.T) {
	t.Helper()
	for i := range size(40, 600) {
		user := fmt.Sprint("idle-", i)
		g.idle = append(g.idle, user)
		for range 2 {
			if a := g.call(t, i, user, http.MethodPost, fmt.Sprintf(`{"title":%q}`, stack.CanaryTitle)); a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s %v", user, a.Status, a.Body, a.Err)
			}
		}
	}
	one, other := g.balancers[0].url, g.balancers[1].url
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
		g.calls = append(g.calls, load.Start(t, b.url, g.issuer, cellRate))
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
			a := stack.Call(t, g.client, http.MethodPost, g.balancers[i].url+"/api/todos", `{"title":"x"}`,
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
	down := g.cells[1]
	for _, p := range down.processes {
		p.Kill(t)
	}
	for _, b := range g.balancers {
		b.awaitCell(t, down.name, 0)
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
		b.awaitCell(t, down.name, len(down.processes))
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

// given are the slots that a third cell gets: a third of those of each old cell.
func given(old int) (first, last int) {
	first = old * slots / startedCells
	return first, first + slots/startedCells/(startedCells+1)
}

// homeOfThree returns the cell of a user once there are three.
func (g *region) homeOfThree(user string) string {
	for old := range startedCells {
		if first, last := given(old); first <= slotOf(user) && slotOf(user) <= last {
			return "cell3"
		}
	}
	return g.home(user).name
}

func (g *region) testThirdCell(t *testing.T) {
	r := newRow(t, "cells: a third one is added")
	commands := documented(t, "### Adding a cell")
	if len(commands) != 2 {
		t.Fatalf("docs/operations.md has %d blocks of commands to add a cell", len(commands))
	}
	from := time.Now()
	third := startCell(g.t, g.issuer, "cell3")
	g.cells = append(g.cells, third)
	for _, b := range g.balancers {
		var output bytes.Buffer
		err := shell(t, t.TempDir(), strings.ReplaceAll(commands[0], "/etc/haproxy", b.folder), &output,
			"NEW_A="+third.addresses[0], "NEW_B="+third.addresses[1], "MAPS="+b.maps(), "BIND="+b.address,
			"CELL1_A=127.0.0.1:1", "CELL1_B=127.0.0.1:1", "CELL2_A=127.0.0.1:1", "CELL2_B=127.0.0.1:1")
		if err != nil {
			t.Fatalf("%v\n%s", err, output.String())
		}
		b.awaitCell(t, third.name, len(third.processes))
	}
	homes := g.homes(t)
	outputs := g.move(t, commands[1], third, func() {
		// A reload in the middle, with streams open.
		g.changes.ProceedBy(50)
		for _, b := range g.balancers {
			b.ask("reload")
		}
	})
	r.Note("took", time.Since(from).Round(time.Second))
	g.changes.ProceedBy(size(100, 1000))
	g.newUsers(t, r)

	moved, stayed := 0, 0
	for user := range homes {
		if g.homeOfThree(user) == third.name {
			moved++
		} else {
			stayed++
		}
	}
	r.Did("gave a third cell %d of %d slots by the commands of docs/operations.md, under load, and reloaded the balancers meanwhile", slots/3, slots)
	report.AtLeast(r, "users who moved", moved, 1)
	report.AtLeast(r, "users who stayed", stayed, 1)
	r.Note("changes meanwhile, and before", g.changes.ChangesSoFar())
	refusals := refusedFor(t, outputs)
	report.Same(r, "moves", len(refusals), moved)
	r.Note("a user's writes were refused for: median", report.Rounded(quantile(refusals, 0.5)))
	r.Note("at most", report.Rounded(quantile(refusals, 1)))
	g.endLoad(t, r, from)
	r.None("users with todos in another cell than theirs", g.astray(t, g.homeOfThree))
	pins := 0
	for _, b := range g.balancers {
		content, err := os.ReadFile(filepath.Join(b.maps(), "users.map"))
		if err != nil {
			t.Fatal(err)
		}
		pins += bytes.Count(content, []byte("\n"))
	}
	r.None("pins that are left", pins)
	g.sh(t, "cells.sh check")
}

// move gives slots to a cell, from all old ones at once, and does something meanwhile. It
// returns what the commands print.
func (g *region) move(t *testing.T, commands string, third *cell, meanwhile func()) []string {
	t.Helper()
	outputs := make([]bytes.Buffer, startedCells)
	errs := make([]error, startedCells)
	var moves sync.WaitGroup
	for i := range startedCells {
		first, last := given(i)
		old, dir := g.cells[i], t.TempDir()
		moves.Go(func() {
			errs[i] = shell(t, dir, commands, &outputs[i], g.environment(),
				"OLD="+old.name, "NEW="+third.name, fmt.Sprintf("SLOTS=%d-%d", first, last), "LOG_LEVEL=info",
				"DATABASE_URL="+stack.WithPassword(t, old.database), "TARGET_DATABASE_URL="+stack.WithPassword(t, third.database))
		})
	}
	meanwhile()
	moves.Wait()
	var texts []string
	for i, err := range errs {
		if err != nil {
			t.Errorf("from %s: %v\n%s", g.cells[i].name, err, outputs[i].String())
		}
		texts = append(texts, outputs[i].String())
	}
	return texts
}

// refusedFor returns how long each user's writes were refused, from the seal until the
// balancers knew, in order.
func refusedFor(t *testing.T, outputs []string) []time.Duration {
	t.Helper()
	sealed := make(map[string]time.Time)
	moved := make(map[string]time.Duration)
	for _, output := range outputs {
		for text := range strings.Lines(output) {
			var line struct {
				Time time.Time
				Step string
				User string `json:"user_id"`
			}
			if json.Unmarshal([]byte(text), &line) != nil {
				continue
			}
			switch {
			case strings.HasPrefix(line.Step, "sealed"):
				sealed[line.User] = line.Time
			case strings.HasPrefix(line.Step, "routed"):
				moved[line.User] = line.Time.Sub(sealed[line.User])
			}
		}
	}
	return slices.Sorted(maps.Values(moved))
}

// newUsers checks that users who come now start in their cells.
func (g *region) newUsers(t *testing.T, r *report.Row) {
	t.Helper()
	failed := 0
	for i := range 30 {
		if a := g.call(t, i, fmt.Sprint("new-", i), http.MethodPost, fmt.Sprintf(`{"title":%q}`, stack.CanaryTitle)); a.Status != http.StatusOK {
			failed++
			t.Logf("a new user: %d %s %v", a.Status, a.Body, a.Err)
		}
	}
	r.None("new users who were refused afterwards", failed)
}

// endLoad ends the load, and adds to a row what became of it since a time.
func (g *region) endLoad(t *testing.T, r *report.Row, since time.Time) {
	t.Helper()
	databases := make([]string, 0, len(g.cells))
	for _, c := range g.cells {
		databases = append(databases, c.database)
	}
	for _, l := range g.calls {
		during := slices.DeleteFunc(l.Finish(), func(a stack.Answer) bool { return a.Sent.Before(since) })
		r.Note("REST", during)
		r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
		r.None("503 without Retry-After", len(withoutRetryAfter(during.With(http.StatusServiceUnavailable))))
		l.Check(r, databases[0], databases[1:]...)
	}
	g.changes.EndWriting()
	sessions := make([]*pgx.Conn, 0, len(g.cells))
	for _, c := range g.cells {
		admin := stack.Session(t, c.database)
		sessions = append(sessions, admin)
		stack.Eventually(t, "what was in doubt has ended", func() bool {
			return stack.Ask[int](t, admin, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) == 0
		})
	}
	g.changes.EndReading()
	g.changes.Compare(func(user string) map[string]syncload.State {
		all := make(map[string]syncload.State)
		for _, session := range sessions {
			maps.Copy(all, syncload.Table(t, session, user))
		}
		return all
	})
	figures := g.changes.Figures()
	r.Note("clients that started again", figures.Resets)
	r.Note("writes that were refused or failed", figures.InDoubt)
	g.changes.Report(r)
}

func (g *region) testRestarts(t *testing.T) {
	r := newRow(t, "cells: the balancers restart")
	pinned := g.idle[0]
	elsewhere := map[string]string{"cell1": "cell2", "cell2": "cell3", "cell3": "cell1"}[g.homeOfThree(pinned)]
	// It is only pinned, so its calls are refused there or find nothing.
	g.sh(t, "cells.sh pin "+elsewhere+" "+pinned)
	where := func() string {
		var commands strings.Builder
		for _, user := range g.idle[:min(20, len(g.idle))] {
			fmt.Fprintf(&commands, "cells.sh where %s\n", user)
		}
		return g.sh(t, commands.String()+"cat "+g.balancers[0].maps()+"/*.map")
	}
	before := where()
	for _, b := range g.balancers {
		b.Kill(t)
		b.start()
		for _, c := range g.cells {
			b.awaitCell(t, c.name, len(c.processes))
		}
	}
	g.sh(t, "cells.sh check")
	report.Same(r, "lines of where users are that say the same", where() == before, true)
	g.sh(t, "cells.sh unpin "+pinned)
	lost := 0
	for i, user := range g.idle {
		if a := g.call(t, i, user, http.MethodGet, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, stack.CanaryTitle) {
			lost++
			t.Logf("%s: %d %s", user, a.Status, a.Body)
		}
	}
	r.Did("killed both balancers and started them again")
	r.None("users who did not find their todos", lost)
}
