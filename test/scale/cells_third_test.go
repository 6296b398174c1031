//go:build scale && linux

package scale

import (
	"bytes"
	"context"
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

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

// arrivalPause is between two new users, and between two tries of one. Some come within each
// step of the commands.
const arrivalPause = 50 * time.Millisecond

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
	from, before := time.Now(), g.changes.Responses()
	third := startCell(g.t, g.issuer, "cell3")
	g.cells = append(g.cells, third)
	for _, b := range g.balancers {
		b.Append(t, stack.CellBlocks(third.name, third.addresses...))
		var output bytes.Buffer
		if err := shell(t, t.TempDir(), strings.ReplaceAll(commands[0], "/etc/haproxy", b.Folder), &output, b.Environment...); err != nil {
			t.Fatalf("%v\n%s", err, output.String())
		}
		b.AwaitServers(t, third.name, len(third.processes))
	}
	homes := g.homes(t)
	arrived := g.startArrivals(t)
	outputs := g.move(t, commands[1], third, func() {
		// A reload in the middle, with streams open.
		g.changes.ProceedBy(50)
		for _, b := range g.balancers {
			b.Command("reload")
		}
	})
	r.Note("took", time.Since(from).Round(time.Second))
	g.changes.ProceedBy(size(100, 1000))
	arrivals, wrong, refused := arrived()

	moved := 0
	for user, in := range g.homes(t) {
		if was := homes[user]; len(was) == 1 && was[0] != third.name && slices.Equal(in, []string{third.name}) {
			moved++
		}
	}
	r.Did("gave a third cell %d of %d slots by the commands of docs/operations.md, under load, and reloaded the balancers meanwhile", slots/3, slots)
	// A third of the slots: of a few hundred users by chance a few percent more or less.
	report.AtLeast(r, "percent of users who moved", 100*moved/len(homes), 20)
	report.AtMost(r, "percent of users who moved", 100*moved/len(homes), 50)
	report.AtLeast(r, "users who came meanwhile", arrivals, 1)
	r.None("answers to them other than 200 and 503, or without what they had made", wrong)
	r.Note("one of them got 503 for at most", report.Rounded(refused))
	r.Note("changes meanwhile, and before", g.changes.ChangesSoFar())
	refusals := refusedFor(t, outputs)
	report.AtLeast(r, "moves", len(refusals), moved) // Of users who have come meanwhile, too.
	r.Note("a user's writes were refused for: median", report.Rounded(quantile(refusals, 0.5)))
	r.Note("at most", report.Rounded(quantile(refusals, 1)))
	g.endLoad(t, r, from, before)
	r.None("users with todos in another cell than theirs", g.astray(t, g.homeOfThree))
	pins := 0
	for _, b := range g.balancers {
		content, err := os.ReadFile(filepath.Join(b.Folder, "users.map"))
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

// startArrivals has new users come, by either balancer, until the returned function is
// called, when nothing is sealed any more. It returns how many came, how many got an answer
// that is neither 200 nor 503 with Retry-After, and for how long one was told 503. Each comes
// back by the other balancer, and has to find what it has made.
func (g *region) startArrivals(t *testing.T) (end func() (arrivals, wrong int, refused time.Duration)) {
	t.Helper()
	stop := make(chan struct{})
	late, giveUp := context.WithCancel(context.WithoutCancel(t.Context()))
	var coming sync.WaitGroup
	var arrivals, wrong int
	var refused time.Duration
	coming.Go(func() {
		for ; ; arrivals++ {
			select {
			case <-stop:
				return
			case <-time.After(arrivalPause):
			}
			user := fmt.Sprint("new-", arrivals)
			for visit, method := range []string{http.MethodPost, http.MethodGet} {
				body := map[string]string{http.MethodPost: fmt.Sprintf(`{"title":%q}`, stack.CanaryTitle)}[method]
				came := time.Now()
				a := g.call(t, arrivals+visit, user, method, body)
				for a.IsRejected() && late.Err() == nil {
					refused = max(refused, time.Since(came))
					time.Sleep(arrivalPause)
					a = g.call(t, arrivals+visit, user, method, body)
				}
				if a.Status != http.StatusOK || !strings.Contains(a.Body, stack.CanaryTitle) {
					wrong++
					t.Logf("%s: %s: %d %s %v", user, method, a.Status, a.Body, a.Err)
				}
			}
		}
	})
	once := sync.OnceFunc(func() {
		defer giveUp()
		close(stop)
		defer time.AfterFunc(stack.Patience, giveUp).Stop()
		coming.Wait()
	})
	t.Cleanup(once)
	return func() (int, int, time.Duration) {
		once()
		return arrivals, wrong, refused
	}
}

// endLoad ends the load, and adds to a row what became of it since a time, when the callers
// had got some responses.
func (g *region) endLoad(t *testing.T, r *report.Row, since time.Time, before syncload.Responses) {
	t.Helper()
	databases := make([]string, 0, len(g.cells))
	for _, c := range g.cells {
		databases = append(databases, c.database)
	}
	for _, l := range g.calls {
		during := slices.DeleteFunc(l.Finish(), func(a stack.Answer) bool { return a.Sent.Before(since) })
		reportREST(r, during)
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
	reportProtocols(r, g.changes.Responses().Since(before), noExcuse)
	g.changes.Report(r)
}
