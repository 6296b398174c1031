//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// waitAtSeal has a change of a seal wait, before its commit, while somebody holds the
// lock of the user and the new seal.
const waitAtSeal = `
	CREATE FUNCTION wait_at_seal() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.sealed <> OLD.sealed THEN PERFORM pg_advisory_xact_lock(hashtext(NEW.user_id), NEW.sealed); END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER wait_at_seal BEFORE UPDATE ON todo_account FOR EACH ROW EXECUTE FUNCTION wait_at_seal()`

// twoCells are two databases, each with a process that serves it, and a folder in which
// the file "at-SUBJECT" says that a user has been routed to the second.
type twoCells struct {
	databases [2]string
	services  [2]*service
	folder    string
}

func startTwoCells(t *testing.T) *twoCells {
	t.Helper()
	c := &twoCells{folder: t.TempDir()}
	for i := range c.services {
		c.databases[i] = pgtest.NewDatabase(t)
		pgtest.Exec(t, c.databases[i], waitAtSeal)
		c.services[i] = start(t, map[string]string{"DATABASE_URL": c.databases[i]})
	}
	// While there is a pipe by the name, it waits for that, and then fails.
	const script = "#!/bin/sh\ncd \"$(dirname \"$0\")\" && if test -p \"hold-$1\"; then cat \"hold-$1\"; exit 1; fi && touch \"at-$1\"\n"
	if err := os.WriteFile(c.script(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *twoCells) script() string { return filepath.Join(c.folder, "route") }

// at returns the cell to which a user is routed.
func (c *twoCells) at(user string) int {
	if _, err := os.Stat(filepath.Join(c.folder, "at-"+user)); err != nil {
		return 0
	}
	return 1
}

// move starts `todod move-user` as a process of its own, from the first cell to the second.
func (c *twoCells) move(t *testing.T, args ...string) *child {
	t.Helper()
	environment := map[string]string{"DATABASE_URL": c.databases[0], "TARGET_DATABASE_URL": c.databases[1]}
	return startChild(t, environment, nil, append([]string{"move-user"}, args...)...)
}

// result returns what a child has printed, and whether it succeeded.
func (c *child) result(t *testing.T) (said string, succeeded bool) {
	t.Helper()
	_ = c.stdout.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c.lines)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), c.ended(t) == 0
}

// mustRun fails the test when a child has ended.
func (c *child) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-c.Done():
		said, _ := c.result(t)
		t.Fatalf("todod ended: %s", said)
	default:
	}
}

// moves runs a move to its end, which has to succeed.
func (c *twoCells) moves(t *testing.T, args ...string) {
	t.Helper()
	if said, succeeded := c.move(t, args...).result(t); !succeeded {
		t.Fatalf("todod move-user %q: %s", args, said)
	}
}

// journey is a user who writes all the time, wherever they are routed, and what has been
// acknowledged.
type journey struct {
	cells   *twoCells
	user    string
	clients [2]todov1connect.TodoServiceClient
	stopped atomic.Bool
	done    sync.WaitGroup

	mu    sync.Mutex
	acked map[string]string // Titles by ids.
	count [2]int            // At each cell.
}

func newJourney(t *testing.T, cells *twoCells, user string) *journey {
	t.Helper()
	j := &journey{cells: cells, user: user, acked: make(map[string]string)}
	for i, s := range cells.services {
		j.clients[i], _ = s.client(t, "Connect binary", s.issuer.Token(user))
	}
	j.done.Go(func() { j.write(t.Context(), t.Errorf) })
	t.Cleanup(j.stop)
	return j
}

// write makes todos and changes them until it is stopped. A call that is refused is made
// again, as a client does.
func (j *journey) write(ctx context.Context, fault func(string, ...any)) {
	for n := 0; !j.stopped.Load(); n++ {
		id := uuid.NewString()
		for _, title := range []string{"made", "changed"} {
			title = fmt.Sprint(title, " ", n)
			at, err := -1, errors.New("not called")
			for err != nil && !j.stopped.Load() {
				at = j.cells.at(j.user)
				if strings.HasPrefix(title, "made") {
					_, err = j.clients[at].CreateTodo(ctx, &todov1.CreateTodoRequest{Id: &id, Title: title})
				} else {
					_, err = j.clients[at].UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: id, Title: &title})
				}
				if err != nil && connect.CodeOf(err) != connect.CodeUnavailable {
					fault("%s: %v", title, err)
					return
				}
				time.Sleep(10 * time.Millisecond) // The pace of the writes.
			}
			if err == nil {
				j.mu.Lock()
				j.acked[id] = title
				j.count[at]++
				j.mu.Unlock()
			}
		}
	}
}

func (j *journey) stop() {
	j.stopped.Store(true)
	j.done.Wait()
}

// waitForWrites waits until some more have been acknowledged at a cell.
func (j *journey) waitForWrites(t *testing.T, cell int) {
	t.Helper()
	writes := func() int {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.count[cell]
	}
	before := writes()
	pgtest.WaitFor(t, "writes of "+j.user, func() error {
		if writes() < before+3 {
			return errors.New("none")
		}
		return nil
	})
}

// check wants a cell to have all that was acknowledged, and the other one nothing.
func (j *journey) check(t *testing.T, cell int) {
	t.Helper()
	j.stop()
	has, token, hasMore := make(map[string]string), "", true
	for hasMore {
		res, err := j.clients[cell].SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range res.GetTodos() {
			has[one.GetId()] = one.GetTitle()
		}
		token, hasMore = res.GetNextSyncToken(), res.GetHasMore()
	}
	for id, title := range j.acked {
		if _, n, _ := strings.Cut(title, " "); has[id] != title && has[id] != "changed "+n {
			t.Errorf("the todo %s was acknowledged as %q, and is %q", id, title, has[id])
		}
	}
	if more := len(has) - len(j.acked); more < 0 || more > 1 { // The last may not have been answered.
		t.Errorf("%d todos were acknowledged, and there are %d", len(j.acked), len(has))
	}
	conn := pgtest.Connect(t, j.cells.databases[1-cell])
	left := "SELECT (SELECT count(*) FROM todo WHERE user_id = '" + j.user + "') || ' ' || (SELECT sealed FROM todo_account WHERE user_id = '" + j.user + "')"
	if got := pgtest.QueryText(t, conn, left); got != "0 3" {
		t.Errorf("the other cell has, in todos and the seal, %s, want 0 3", got)
	}
}

// moveSteps are where a move is killed: before the commit of a change of a seal, or in its
// route.
func moveSteps() map[string]struct {
	cell, seal int
	isTooLate  bool // For an abort.
} {
	return map[string]struct {
		cell, seal int
		isTooLate  bool
	}{
		"sealing the source":  {0, 1, false},
		"copying":             {1, 2, false},
		"handing over":        {0, 4, false},
		"switching":           {1, 0, false},
		"routing":             {1, -1, true},
		"emptying the source": {0, 3, true},
	}
}

// TestAMoveThatIsKilledGoesOn kills the process at each step, under writes, and runs it
// again: at once, and after an attempt to abort it.
func TestAMoveThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	cells := startTwoCells(t)
	const bystander = "SELECT (SELECT string_agg(t::text, '') FROM todo t WHERE user_id = 'bystander') || (SELECT a::text FROM todo_account a WHERE user_id = 'bystander')"
	var before [2]string
	for i, s := range cells.services {
		client, _ := s.client(t, "Connect binary", s.issuer.Token("bystander"))
		created(t, client, "a bystander's")
		before[i] = pgtest.QueryText(t, pgtest.Connect(t, cells.databases[i]), bystander)
	}
	t.Run("steps", func(t *testing.T) {
		for step := range moveSteps() {
			for _, isAborted := range []bool{false, true} {
				t.Run(fmt.Sprint(step, ", aborted ", isAborted), func(t *testing.T) {
					t.Parallel()
					killAndGoOn(t, cells, step, isAborted)
				})
			}
		}
	})
	for i, database := range cells.databases {
		if got := pgtest.QueryText(t, pgtest.Connect(t, database), bystander); got != before[i] {
			t.Errorf("a bystander's rows were %s, and are %s", before[i], got)
		}
	}
}

// moveTo starts a move, and returns it when it waits at a step: before the commit of a seal
// in a cell, or in the route for a seal of -1. After release nobody holds it up any more.
func (c *twoCells) moveTo(t *testing.T, user string, cell, seal int) (moving *child, release func()) {
	t.Helper()
	move := func() *child { return c.move(t, "-route", c.script(), user) }
	if seal < 0 {
		hold := filepath.Join(c.folder, "hold-"+user)
		if err := syscall.Mkfifo(hold, 0o600); err != nil {
			t.Fatal(err)
		}
		moving = move()
		var pipe *os.File
		pgtest.WaitFor(t, "the route", func() (err error) {
			moving.mustRun(t)
			pipe, err = os.OpenFile(hold, os.O_WRONLY|syscall.O_NONBLOCK, 0) // It fails unless the script reads.
			return err
		})
		return moving, func() { _ = errors.Join(os.Remove(hold), pipe.Close()) }
	}
	held := pgtest.Begin(t, c.databases[cell], fmt.Sprintf("SELECT pg_advisory_xact_lock(hashtext('%s'), %d)", user, seal))
	moving = move()
	conn := pgtest.Connect(t, c.databases[cell])
	waiting := fmt.Sprintf(`
		SELECT count(*)::text
		FROM   pg_locks
		WHERE  locktype = 'advisory' AND NOT granted
		  AND  objid = %d AND classid = (hashtext('%s')::bigint & 4294967295)::oid`, seal, user)
	pgtest.WaitFor(t, "the step", func() error {
		moving.mustRun(t)
		if pgtest.QueryText(t, conn, waiting) != "1" {
			return errors.New("not there yet")
		}
		return nil
	})
	return moving, func() { _ = held.Rollback(t.Context()) }
}

func killAndGoOn(t *testing.T, cells *twoCells, step string, isAborted bool) {
	t.Helper()
	user := "u-" + uuid.NewString()
	j := newJourney(t, cells, user)
	j.waitForWrites(t, 0)
	source, _ := startWatch(t, j.clients[0], "")
	token := source.Msg().GetNextSyncToken()

	at := moveSteps()[step]
	child, release := cells.moveTo(t, user, at.cell, at.seal)
	child.signal(t, syscall.SIGKILL)
	if status := child.ended(t); !status.Signaled() {
		t.Fatalf("the move ended by itself: %v", status)
	}
	release()

	if isAborted {
		said, succeeded := cells.move(t, "-abort", user).result(t)
		if succeeded == at.isTooLate || at.isTooLate != strings.Contains(said, "has taken over already") {
			t.Errorf("an abort succeeds: %v\n%s", succeeded, said)
		}
		if !at.isTooLate {
			j.waitForWrites(t, 0)
		}
	}
	cells.moves(t, "-route", cells.script(), user)
	j.waitForWrites(t, 1)
	for source.Receive() {
		token = source.Msg().GetNextSyncToken()
	}
	checkCode(t, "the watch at the source", source.Err(), connect.CodeUnavailable)
	if _, first := startWatch(t, j.clients[1], token); !first.GetReset_() || len(first.GetTodos()) == 0 {
		t.Errorf("the watch at the target begins with %v, want a reset", first)
	}
	j.check(t, 1)
	cells.moves(t, user) // Once more.
}

// TestASignalEndsAMove has one wait at a step.
func TestASignalEndsAMove(t *testing.T) {
	t.Parallel()
	cells := &twoCells{databases: [2]string{pgtest.NewDatabase(t), pgtest.NewDatabase(t)}, folder: t.TempDir()}
	pgtest.Exec(t, cells.databases[0], "INSERT INTO todo (user_id, title) VALUES ('u', 't')")
	held := pgtest.Begin(t, cells.databases[1], "LOCK TABLE todo_account IN SHARE MODE")
	child := cells.move(t, "u")
	pgtest.WaitForLocked(t, cells.databases[1], 1)
	child.signal(t, syscall.SIGTERM)
	said, succeeded := child.result(t)
	if status := child.ended(t); succeeded || status.Signaled() || !strings.Contains(said, "run the same command again") {
		t.Errorf("ended with %v: %s", status, said)
	}
	_ = held.Rollback(t.Context())
	cells.moves(t, "u")
}

// TestAnAbortWithoutTheTargetNeedsNone has one that nobody can reach.
func TestAnAbortWithoutTheTargetNeedsNone(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	pgtest.Exec(t, database, "INSERT INTO todo_account (user_id, revision, sealed) VALUES ('u', 1, 1)")
	environment := map[string]string{"DATABASE_URL": database, "TARGET_DATABASE_URL": "postgres://u@127.0.0.1:1/away"}
	move := func(args ...string) error {
		return run(t.Context(), append([]string{"move-user"}, args...), func(name string) string { return environment[name] }, io.Discard)
	}
	if err := move("-abort", "u"); err == nil || !strings.Contains(err.Error(), "target: ") {
		t.Errorf("an abort with the target: %v", err)
	}
	if err := move("-abort", "-without-target", "u"); err != nil {
		t.Error(err)
	}
	if seal := pgtest.QueryText(t, pgtest.Connect(t, database), "SELECT sealed::text FROM todo_account"); seal != "0" {
		t.Errorf("the seal is %s, want open", seal)
	}
}

// TestARouteIsGivenTheUserAndNoPassword has a command that tells what it was given.
func TestARouteIsGivenTheUserAndNoPassword(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "DATABASE_DIRECT_URL", "TARGET_DATABASE_URL"} {
		t.Setenv(name, "postgres://u:canary@h/d")
	}
	t.Setenv("CELL", "b")
	script := filepath.Join(t.TempDir(), "route")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"given $*, in $CELL, with $(env | grep -c canary) passwords\" >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := runRoute(t.Context(), []string{script, "to b", "user 'of two words'"})
	if err == nil || !strings.Contains(err.Error(), "exit status 3: given to b user 'of two words', in b, with 0 passwords") {
		t.Errorf("%v", err)
	}
}

// TestARouteIsTriedAgain has one that fails at first, one that always does, and one that
// can't be run.
func TestARouteIsTriedAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	script := filepath.Join(folder, "route")
	const text = "#!/bin/sh\necho x >>\"$0-$1\"\ntest \"$(wc -l <\"$0-$1\")\" -ge \"$2\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := tryRoute(t.Context(), []string{script, "flaky", "3"}); err != nil {
		t.Errorf("at the third time: %v", err)
	}
	if err := tryRoute(t.Context(), []string{script, "broken", "4"}); err == nil {
		t.Error("at the fourth time: it succeeds")
	}
	err := moveUser(t.Context(), []string{"-route", filepath.Join(folder, "rout"), "u"}, func(string) string { return "" }, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the route can't be run") {
		t.Errorf("without a command: %v", err)
	}
}

// TestARefusedMoveIsNotToBeRunAgain tells what may succeed from what can't.
func TestARefusedMoveIsNotToBeRunAgain(t *testing.T) {
	t.Parallel()
	user, err := todo.ParseUserID("u")
	if err != nil {
		t.Fatal(err)
	}
	refused := moveError(user, "the move", fmt.Errorf("postgres: %w", &postgres.MoveRefusedError{Reason: "no"}))
	if other := moveError(user, "the move", errors.New("no")); strings.Contains(refused.Error(), "again") || !strings.Contains(other.Error(), "again") {
		t.Errorf("%v\n%v", refused, other)
	}
}
