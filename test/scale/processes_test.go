//go:build scale && linux

package scale

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

const (
	processes = 3
	// callRate is the calls per second over REST, besides those of the writers.
	callRate = 50
	// writePause keeps the writers from being a load of their own.
	writePause = 100 * time.Millisecond
	// changesBetween are acknowledged between two restarts, so that there is something to
	// look at.
	changesBetween = 200
	// writesAtKill are under way on a process that is killed.
	writesAtKill = 5
	// busyShare is one of how many calls a busy machine may have refused. It is 1 of 100 when
	// the database stands still for two seconds.
	busyShare = 20
)

// fleet is several processes on one database behind HAProxy, by deploy/haproxy/one-cell.cfg,
// under load.
type fleet struct {
	issuer    *stack.Issuer
	database  string
	addresses []string
	processes []*stack.Todod
	logs      [][]*stack.Logs // Of each process, from its first run on.
	balancer  *stack.HAProxy
	client    *http.Client
	calls     *load.Load
	changes   *syncload.Run
	calm      []period // When all processes were there.
}

// period is a time.
type period struct{ from, until time.Time }

// startFleet starts the processes, the balancer and the load.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{issuer: stack.StartIssuer(t), client: stack.NewClient(t, false), processes: make([]*stack.Todod, processes), logs: make([][]*stack.Logs, processes)}
	f.database = pgtest.StartServer(t, map[string]string{"max_connections": "200"}).URL()
	for range processes {
		f.addresses = append(f.addresses, stack.FreeAddress(t))
	}
	for i := range processes {
		f.start(t, i)
	}
	f.balancer = startBalancer(t, patient(t, withServers(configuration(t, "one-cell.cfg"), "c"), "connect", "check"),
		map[string]string{"TODOD_A": f.addresses[0], "TODOD_B": f.addresses[1], "TODOD_C": f.addresses[2]})
	f.balancer.AwaitServers(t, "todod", processes)
	f.calls = load.Start(t, f.balancer.URL, f.issuer, callRate)
	f.startChanges(t)
	return f
}

// start starts a process, where it was before.
func (f *fleet) start(t *testing.T, i int) {
	t.Helper()
	f.processes[i] = startTodod(t, f.issuer, f.database, map[string]string{
		"LISTEN_ADDR":    f.addresses[i],
		"SHUTDOWN_DELAY": "5", // As one-cell.cfg says.
	})
	f.logs[i] = append(f.logs[i], f.processes[i].Logs)
}

// startChanges has users write over every protocol, and follow their changes by streams,
// server-sent events and long polls. Others only follow.
func (f *fleet) startChanges(t *testing.T) {
	t.Helper()
	url := f.balancer.URL
	f.changes = syncload.New(t, syncload.Config{
		Issuer: f.issuer,
		Clients: []*syncload.Client{
			syncload.NewClient(t, url, false),
			syncload.NewClient(t, url, true),
			syncload.NewClient(t, url, true, connect.WithGRPC()),
			syncload.NewClient(t, url, false, connect.WithGRPCWeb()),
		},
		Pause:          writePause,
		ObeysRetryInfo: true,
	})
	for i := range size(10, 30) {
		f.changes.Add(fmt.Sprint("writes-", i), 1,
			syncload.Habits{Watches: true}, syncload.Habits{Events: true}, syncload.Habits{Wait: 5}, syncload.Habits{Away: 20})
	}
	for i := range size(50, 200) {
		f.changes.Add(fmt.Sprint("follows-", i), 0, syncload.Habits{Watches: i%2 == 0, Events: i%2 == 1})
	}
	f.changes.Start()
}

// beCalm lets callers do something while all processes are there.
func (f *fleet) beCalm(t *testing.T) {
	t.Helper()
	f.balancer.AwaitServers(t, "todod", processes)
	// What HAProxy has sent to another process before is answered.
	f.calls.Since(time.Now())
	f.changes.AwaitCalls()
	from := time.Now()
	f.changes.ProceedBy(changesBetween)
	f.calm = append(f.calm, period{from, time.Now()})
}

// usersOf makes users call, and returns those whom a process has served.
func (f *fleet) usersOf(t *testing.T, process int) (users []string) {
	t.Helper()
	const each = "home-"
	mark := f.processes[process].Mark()
	for n := range 10 * writesAtKill {
		if a := f.read(t, fmt.Sprint(each, n)); a.Status != http.StatusOK {
			t.Fatalf("%d %s %v", a.Status, a.Body, a.Err)
		}
	}
	stack.Eventually(t, "the process has served some of the users", func() bool {
		users = nil
		for _, line := range f.processes[process].Since(t, mark) {
			if line.Message == "request" && strings.HasPrefix(line.UserID, each) {
				users = append(users, line.UserID)
			}
		}
		return len(users) >= writesAtKill
	})
	return users[:writesAtKill]
}

// read reads a page of a user's todos.
func (f *fleet) read(t *testing.T, user string) stack.Answer {
	t.Helper()
	return served(func() stack.Answer {
		return stack.Call(t, f.client, http.MethodGet, f.balancer.URL+"/api/todos?pageSize=1", "", "Authorization", f.issuer.Bearer(user))
	})
}

// write begins a write by each of some users of a process, while the table is locked, and
// waits until they are there. They change nothing. The function that it returns waits for
// their answers.
func (f *fleet) write(t *testing.T, process int, users []string) (answers func() load.Answers) {
	t.Helper()
	answered := make(chan stack.Answer, len(users))
	for n, user := range users {
		go func() {
			answered <- stack.Call(t, f.client, http.MethodPatch, f.balancer.URL+"/api/todos/"+uuid.NewString(), fmt.Sprintf(`{"title":"%s %d"}`, stack.CanaryTitle, n),
				"Authorization", f.issuer.Bearer(user), "Content-Type", stack.ContentTypeJSON)
		}()
	}
	server := string(rune('a' + process))
	stack.Eventually(t, "the writes are at the process", func() bool {
		return slices.ContainsFunc(f.balancer.Servers("writes"), func(s stack.HAProxyServer) bool { return s.Name == server && s.Sessions >= len(users) })
	})
	return func() (all load.Answers) {
		for range users {
			all = append(all, <-answered)
		}
		return all
	}
}

// end ends the load, and adds to a row what became of it.
func (f *fleet) end(t *testing.T, r *report.Row, excused excuse) {
	t.Helper()
	f.changes.EndWriting()
	admin := stack.Session(t, f.database)
	stack.Eventually(t, "what was in doubt has ended", func() bool {
		return stack.Ask[int](t, admin, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) == 0
	})
	f.changes.EndReading()
	f.changes.Compare(func(user string) map[string]syncload.State { return syncload.Table(t, admin, user) })
	figures := f.changes.Figures()
	r.Note("changes", figures.Changes)
	report.AtLeast(r, "streams that were ended", figures.Ended, 1)
	r.Note("without a stream: median", report.Rounded(quantile(figures.Without, 0.5)))
	r.Note("99 of 100", report.Rounded(quantile(figures.Without, 0.99)))
	r.Note("from a change to an open stream: median", report.Rounded(quantile(figures.Delays, 0.5)))
	r.Note("99 of 100", report.Rounded(quantile(figures.Delays, 0.99)))
	reportProtocols(r, f.changes.Responses(), excused)
	f.changes.Report(r)
	f.calls.Check(r, f.database)
	f.reportHomes(t, r)
}

// reportFailures adds to a row the calls that failed: none but those that the processes
// refused since the machine was too busy for their bounds, and few of those.
func (f *fleet) reportFailures(t *testing.T, r *report.Row, answers load.Answers) {
	t.Helper()
	calls, refused := 0, 0
	for _, log := range slices.Concat(f.logs...) {
		for _, line := range log.Since(t, 0) {
			if line.Message == "request" && line.UserID != "" {
				calls++
				if isRefusedForLoad(line) {
					refused++
				}
			}
		}
	}
	figures := f.changes.Figures()
	r.Note("calls over REST that failed", len(answers.Failed()))
	r.Note("other writes that failed", figures.InDoubt)
	r.Note("other reads that failed", figures.Failures)
	report.AtMost(r, "calls refused for load", refused, calls/busyShare)
	report.AtMost(r, "calls that failed, in all", len(answers.Failed())+figures.InDoubt+figures.Failures, refused)
}

// reportHomes looks into the logs for users who were served by two processes while all of
// them were there.
func (f *fleet) reportHomes(t *testing.T, r *report.Row) {
	t.Helper()
	calls, several, moved := 0, 0, 0
	before := make(map[string]int)
	for _, calm := range f.calm {
		homes := make(map[string]map[int]bool)
		for i := range f.logs {
			for _, log := range f.logs[i] {
				for _, line := range log.Since(t, 0) {
					if line.Message != "request" || line.UserID == "" || line.Began().Before(calm.from) || !line.Began().Before(calm.until) {
						continue
					}
					calls++
					if homes[line.UserID] == nil {
						homes[line.UserID] = make(map[int]bool)
					}
					homes[line.UserID][i] = true
				}
			}
		}
		for user, on := range homes {
			if len(on) > 1 {
				several++
				t.Logf("%s was on the processes %v", user, on)
			}
			for i := range on {
				if home, found := before[user]; found && home != i {
					moved++
				}
				before[user] = i
			}
		}
	}
	report.AtLeast(r, "calls while all processes were there", calls, len(f.calm)*changesBetween)
	r.None("users on two processes then", several)
	r.None("users on another process than before", moved)
}

// quantile returns the value that this part of some values, in order, is below.
func quantile(values []time.Duration, part float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	return values[min(len(values)-1, int(part*float64(len(values))))]
}

// TestRollingRestartsOfProcesses restarts processes one after the other, as a deployment
// does. Nobody notices but those whose stream ends, and they resume it.
func TestRollingRestartsOfProcesses(t *testing.T) {
	rounds := size(1, 3)
	r := newRow(t, "processes: rolling restarts")
	f := startFleet(t)
	f.beCalm(t)
	unclean := 0
	for range rounds {
		for i := range processes {
			if err := f.processes[i].Terminate(t); err != nil {
				unclean++
			}
			f.start(t, i)
			f.beCalm(t)
		}
	}
	answers := f.calls.Finish()
	r.Did("restarted each of %d processes behind HAProxy %d times, with %d calls/s over REST, and writers over Connect, gRPC and gRPC-Web", processes, rounds, callRate)
	r.None("exit codes other than 0", unclean)
	reportREST(r, answers)
	f.end(t, r, noExcuse)
	f.reportFailures(t, r, answers)
}

// TestProcessesKilled kills processes one after the other. Calls that were under way there
// fail, and say that they may be tried again; all others are served by other processes.
func TestProcessesKilled(t *testing.T) {
	rounds := size(1, 3)
	r := newRow(t, "processes: killed")
	f := startFleet(t)
	f.beCalm(t)
	var failed time.Duration
	unfelt := 0
	var interrupted load.Answers
	for range rounds {
		for i := range processes {
			users := f.usersOf(t, i)
			unlock := pgtest.LockTable(t, f.database, "todo")
			writes := f.write(t, i, users)
			killed := time.Now()
			f.processes[i].Kill(t)
			unlock()
			answers := writes()
			if len(answers.With(http.StatusServiceUnavailable)) == 0 {
				unfelt++
			}
			interrupted = append(interrupted, answers...)
			// Another process serves the users of this one.
			for _, user := range users {
				if a := f.read(t, user); a.Status != http.StatusOK {
					t.Errorf("after the kill: %d %s %v", a.Status, a.Body, a.Err)
				}
			}
			f.changes.ProceedBy(changesBetween)
			failed = max(failed, f.calls.Since(killed).Failed().LastSent(killed).Sub(killed))
			f.start(t, i)
			f.beCalm(t)
		}
	}
	r.Did("killed each of %d processes behind HAProxy %d times, with calls of the same callers under way, and started it again", processes, rounds)
	reportREST(r, f.calls.Finish())
	r.Note("of the writes under way at a kill", interrupted)
	r.None("of them unanswered", len(interrupted.With(0)))
	r.None("503 without Retry-After", len(withoutRetryAfter(interrupted.With(http.StatusServiceUnavailable))))
	r.None("kills of which no write under way there was told by 503", unfelt)
	r.Note("the last that failed was called so long after a kill", report.Rounded(failed))
	f.end(t, r, processDied)
	figures := f.changes.Figures()
	r.Note("writes that failed", figures.InDoubt)
	r.Note("reads that failed", figures.Failures)
}
