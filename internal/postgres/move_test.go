package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// twoDatabases are the source and the target of a move, each with a user of its own beside
// the one who moves.
type twoDatabases struct {
	from, to       *postgres.Store
	fromURL, toURL string
	mover          todo.UserID
}

func newTwoDatabases(t *testing.T) *twoDatabases {
	t.Helper()
	d := &twoDatabases{mover: user(t, "mover")}
	d.from, d.fromURL = newStore(t)
	d.to, d.toURL = newStore(t)
	return d
}

// move returns a move of the user from the source to the target.
func (d *twoDatabases) move() *postgres.Move {
	return &postgres.Move{From: d.from, To: d.to, User: d.mover, Logger: slog.New(slog.DiscardHandler)}
}

// back returns a move in the other direction.
func (d *twoDatabases) back() *postgres.Move {
	move := d.move()
	move.From, move.To = move.To, move.From
	return move
}

// run runs a move, which has to succeed.
func run(t *testing.T, move *postgres.Move) {
	t.Helper()
	if err := move.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rowsOf returns an owner's todos and requests as a database has them, in the same form
// whatever its settings are.
func rowsOf(t *testing.T, url, owner string) (rows string) {
	t.Helper()
	tx := pgtest.Begin(t, url, "SET LOCAL TimeZone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL client_encoding = 'UTF8'")
	err := tx.QueryRow(t.Context(), fmt.Sprintf(`
		SELECT concat_ws(E'\n', (SELECT string_agg(to_jsonb(t)::text, E'\n' ORDER BY id) FROM todo AS t WHERE user_id = '%s'),
		                        (SELECT string_agg(to_jsonb(r)::text, E'\n' ORDER BY request_id) FROM todo_request AS r WHERE user_id = '%[1]s'))`, owner)).Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rows
}

// othersRows returns all that a database has of others than an owner.
func othersRows(t *testing.T, url, owner string) string {
	t.Helper()
	var all []string
	for _, table := range []string{"todo_account", "todo", "todo_request"} {
		all = append(all, pgtest.QueryText(t, pgtest.Connect(t, url),
			"SELECT COALESCE(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM "+table+" AS r WHERE user_id <> '"+owner+"'"))
	}
	return strings.Join(all, "\n")
}

// sealOf returns the seal of an owner's account, "" when there is none.
func sealOf(t *testing.T, url string, owner todo.UserID) string {
	t.Helper()
	return pgtest.QueryText(t, pgtest.Connect(t, url), "SELECT COALESCE((SELECT sealed::text FROM todo_account WHERE user_id = '"+owner.String()+"'), '')")
}

func TestAMoveTakesAllThereIs(t *testing.T) {
	t.Parallel()
	moveAll(t, newTwoDatabases(t))
}

func TestSessionDefaultsOfTheDatabaseOrTheRoleChangeNoMove(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	pgtest.OddDefaults(t, d.fromURL) // The target has PostgreSQL's own.
	d.from = open(t, d.fromURL, 8)
	moveAll(t, d)
}

// moveAll moves a user with todos of every kind, more than one batch has, and with
// requests.
func moveAll(t *testing.T, d *twoDatabases) {
	t.Helper()
	request := variety(t, d.from, d.mover)
	if _, err := d.from.ApplyTodos(t.Context(), d.mover, request); err != nil {
		t.Fatal(err)
	}
	createOf(t, d.from, d.mover, detailed("with details \\ \"quoted\" 😀 \u2028"))
	remove(t, d.from, d.mover, create(t, d.from, d.mover, "in the trash").ID, false)
	remove(t, d.from, d.mover, create(t, d.from, d.mover, "purged").ID, true)
	pgtest.Exec(t, d.fromURL, `ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range, DROP CONSTRAINT ck_todo_updated_at_in_range`)
	pgtest.Exec(t, d.toURL, `ALTER TABLE todo DROP CONSTRAINT ck_todo_created_at_in_range, DROP CONSTRAINT ck_todo_updated_at_in_range`)
	pgtest.Exec(t, d.fromURL, `
		INSERT INTO todo (user_id, title, revision, created_at, due_date, tags)
		SELECT 'mover', 'many', n / 3, now() - n * interval '1 hour', CASE WHEN n % 2 = 0 THEN date '2026-01-01' + n END, CASE WHEN n % 3 = 0 THEN '{"a": "Ä"}'::jsonb END
		FROM   generate_series(1, 2500) AS n;
		INSERT INTO todo (id, user_id, title, created_at, updated_at, due_date) VALUES
		('00000000-0000-0000-0000-000000000000', 'mover', 'odd', '-infinity', 'infinity', 'infinity'),
		('ffffffff-ffff-ffff-ffff-ffffffffffff', 'mover', 'old', '0044-03-15 00:00:00 BC', '1880-01-01 00:00:00.000001+00', '-infinity');
		INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
		SELECT 'mover', gen_random_uuid(), decode(repeat('00ff5c27', 8), 'hex'), ARRAY[gen_random_uuid()], ARRAY['', 'conflict'] FROM generate_series(1, 1001)`)
	pgtest.Exec(t, d.fromURL, "INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes) VALUES ('mover', '00000000-0000-0000-0000-000000000000', '', '{}', '{}')")
	read := func(url string) string { return rowsOf(t, url, "mover") }
	before := read(d.fromURL)
	if n := strings.Count(before, "\n"); n < 3500 {
		t.Fatalf("there are %d rows", n)
	}

	run(t, d.move())
	if diff := cmp.Diff(before, read(d.toURL)); diff != "" {
		t.Errorf("the target has other rows:\n%s", diff)
	}
	if left := read(d.fromURL); left != "" {
		t.Errorf("the source still has\n%s", left)
	}
	if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "3" || to != "0" {
		t.Errorf("the seals are %s and %s, want gone and open", from, to)
	}
	// A repeated request is answered as before.
	if got := apply(t, d.to, d.mover, request); got == "" || strings.Contains(got, "moved") {
		t.Errorf("the request, repeated at the target: %s", got)
	}
	run(t, d.move()) // Again.
}

// TestEveryColumnMoves compares what a move takes with the tables. Without it a new column
// could stay behind.
func TestEveryColumnMoves(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	// Each column has a value of its own, which no default gives.
	pgtest.Exec(t, d.fromURL, `
		INSERT INTO todo_account (user_id, revision) VALUES ('mover', 1);
		ALTER TABLE todo DROP CONSTRAINT ck_todo_purged_is_deleted`)
	pgtest.Exec(t, d.toURL, "ALTER TABLE todo DROP CONSTRAINT ck_todo_purged_is_deleted")
	conn := pgtest.Connect(t, d.fromURL)
	// What else there is of a user, a move has to make up its mind about.
	if got := pgtest.QueryText(t, conn, `
		SELECT string_agg(DISTINCT table_name, ' ') || ': ' || string_agg(column_name, ' ' ORDER BY column_name) FILTER (WHERE table_name = 'todo_account')
		FROM   information_schema.columns WHERE table_schema = 'public'`); got != "todo todo_account todo_request: epoch floor revision sealed user_id" {
		t.Errorf("the tables, and the columns of an account, are %s: does a move take what is new?", got)
	}
	for _, table := range []string{"todo", "todo_request"} {
		columns := pgtest.QueryText(t, conn, `
			SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
			FROM   information_schema.columns WHERE table_name = '`+table+`' AND table_schema = 'public'`)
		values := pgtest.QueryText(t, conn, `
			SELECT string_agg(CASE WHEN column_name = 'user_id' THEN quote_literal('mover') ELSE CASE udt_name
			         WHEN 'uuid' THEN quote_literal(gen_random_uuid()) WHEN 'varchar' THEN quote_literal(column_name) WHEN 'bool' THEN 'true'
			         WHEN 'timestamptz' THEN quote_literal('2020-01-02 03:04:05.678901+00') WHEN 'date' THEN quote_literal('2020-01-02')
			         WHEN 'time' THEN quote_literal('03:04') WHEN 'int8' THEN '7' WHEN 'int2' THEN '2' WHEN 'jsonb' THEN quote_literal('{"a": "A"}')
			         WHEN 'bytea' THEN quote_literal('\x00ff') WHEN '_uuid' THEN 'ARRAY[gen_random_uuid()]' WHEN '_text' THEN 'ARRAY[''a'', NULL, ''b'']'
			       END END, ', ' ORDER BY ordinal_position)
			FROM   information_schema.columns WHERE table_name = '`+table+`' AND table_schema = 'public'`)
		pgtest.ExecOn(t, conn, "INSERT INTO "+table+" ("+columns+") VALUES ("+values+")")
	}
	pgtest.ExecOn(t, conn, "UPDATE todo_request SET created_at = now() - interval '1 minute'")
	before := rowsOf(t, d.fromURL, "mover")
	if strings.Contains(before, ": null") {
		t.Fatalf("a column has no value:\n%s", before)
	}
	run(t, d.move())
	if diff := cmp.Diff(before, rowsOf(t, d.toURL, "mover")); diff != "" {
		t.Errorf("(-source +target):\n%s", diff)
	}
}

// TestAMoveAsksForTheSameSchema has a column that one of the databases lacks.
func TestAMoveAsksForTheSameSchema(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ from, to, want string }{
		"an older source":              {"ALTER TABLE todo DROP COLUMN priority", "", "of the source lacks columns (priority): run todod migrate there"},
		"a newer source":               {"ALTER TABLE todo ADD COLUMN colour text", "", "has columns that this version does not move (colour)"},
		"an older target":              {"", "ALTER TABLE todo DROP COLUMN priority", "of the target lacks columns (priority): run todod migrate there"},
		"a target of before the seals": {"", "ALTER TABLE todo_account DROP COLUMN sealed", "of the target lacks columns (sealed)"},
		"a newer target":               {"", "ALTER TABLE todo ADD COLUMN colour text NOT NULL DEFAULT 'red'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTwoDatabases(t)
			create(t, d.from, d.mover, "t")
			before := dump(t, d.fromURL)
			for url, sql := range map[string]string{d.fromURL: test.from, d.toURL: test.to} {
				if sql != "" {
					pgtest.Exec(t, url, sql)
					before = dump(t, d.fromURL)
				}
			}
			err := d.move().Run(t.Context())
			switch {
			case test.want == "":
				if err != nil || len(list(t, d.to, d.mover, todo.Query{Size: 10}).Todos) != 1 {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("%v, want %q", err, test.want)
			case dump(t, d.fromURL) != before:
				t.Error("the source changed")
			}
		})
	}
}

// TestClientsOfAMovedUserStartAgain has clients of every kind come to the target, and back.
func TestClientsOfAMovedUserStartAgain(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	for n := range 5 {
		create(t, d.from, d.mover, fmt.Sprint(n))
	}
	positions := func(store todo.Store) (all []*todo.SyncPosition) {
		_, caughtUp := follow(t, store, d.mover, nil, 10)
		half, err := store.ListChanges(t.Context(), d.mover, nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		return append(all, caughtUp, &half.Next)
	}
	var all []*todo.SyncPosition
	stores := []*postgres.Store{d.from, d.to}
	moves := []*postgres.Move{d.move(), d.back()}
	for n := range 4 {
		here, there := stores[n%2], stores[(n+1)%2]
		all = append(all, positions(here)...)
		run(t, moves[n%2])
		for _, at := range all {
			if _, err := here.ListChanges(t.Context(), d.mover, at, 10); !errors.Is(err, todo.ErrMoving) {
				t.Errorf("at the source after move %d: %v, want ErrMoving", n, err)
			}
			changes, err := there.ListChanges(t.Context(), d.mover, at, 10)
			if err != nil || !changes.IsReset || len(changes.Todos) != 5+n {
				t.Errorf("at the target after move %d: %+v, %v, want a reset with %d todos", n, changes, err, 5+n)
			}
		}
		create(t, there, d.mover, "after the move")
	}
}

// TestAMoveOfAUserWithoutAnything leaves a seal at the source all the same: a call that
// is sent there must not make todos.
func TestAMoveOfAUserWithoutAnything(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	log := new(pgtest.Log)
	move := d.move()
	move.Logger = log.Logger()
	run(t, move)
	if !strings.Contains(log.String(), "there was nothing of this user at the source") {
		t.Errorf("the log doesn't warn of it:\n%s", log)
	}
	if from, to := sealOf(t, d.fromURL, d.mover), sealOf(t, d.toURL, d.mover); from != "3" || to != "0" {
		t.Errorf("the seals are %s and %s, want gone and open", from, to)
	}
	if _, err := d.from.CreateTodo(t.Context(), d.mover, draft("astray")); !errors.Is(err, todo.ErrMoving) {
		t.Errorf("a create at the source: %v, want ErrMoving", err)
	}
	create(t, d.to, d.mover, "t")

	// Whoever has an account, or todos of before accounts, is known.
	pgtest.Exec(t, d.fromURL, "INSERT INTO todo_account (user_id, revision) VALUES ('empty', 1); INSERT INTO todo (user_id, title) VALUES ('old', 't')")
	for _, known := range []string{"empty", "old"} {
		log := new(pgtest.Log)
		move := d.move()
		move.User, move.Logger = user(t, known), log.Logger()
		run(t, move)
		if strings.Contains(log.String(), "there was nothing") {
			t.Errorf("%s:\n%s", known, log)
		}
	}
}

// TestAMoveIsRefusedThatWouldLoseTodos has accounts that no such move can have left.
func TestAMoveIsRefusedThatWouldLoseTodos(t *testing.T) {
	t.Parallel()
	const here, atBoth = "INSERT INTO todo_account (user_id, revision, sealed) VALUES ('mover', 1, %d)", "; INSERT INTO todo (user_id, title) VALUES ('mover', 't')"
	for name, test := range map[string]struct{ from, to, want string }{
		"todos at both":                 {fmt.Sprintf(here, 0) + atBoth, fmt.Sprintf(here, 0) + atBoth, "todos of their own at the target"},
		"sealed, and todos at both":     {fmt.Sprintf(here, 1) + atBoth, fmt.Sprintf(here, 0) + atBoth, "todos of their own at the target"},
		"none, and todos at the target": {"", atBoth[2:], "todos of their own at the target"},
		"a move to the source":          {fmt.Sprintf(here, 2), fmt.Sprintf(here, 1) + atBoth, "is being moved to the source"},
		"a move away from the target":   {fmt.Sprintf(here, 0) + atBoth, fmt.Sprintf(here, 1), "is being moved away from the target"},
		"gone from both":                {fmt.Sprintf(here, 3), fmt.Sprintf(here, 3), "not at the target either"},
		"gone, and never at the target": {fmt.Sprintf(here, 3), "", "not at the target either"},
		"a target with late todos":      {fmt.Sprintf(here, 0) + atBoth, fmt.Sprintf(here, 3) + atBoth, "moved away from the target, where there are todos"},
		"a move on from the target":     {fmt.Sprintf(here, 0) + atBoth, fmt.Sprintf(here, 4) + atBoth, "is being moved away from the target"},
		"gone, and todos all the same":  {fmt.Sprintf(here, 3) + atBoth, fmt.Sprintf(here, 0), "an older todod"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTwoDatabases(t)
			for url, sql := range map[string]string{d.fromURL: test.from, d.toURL: test.to} {
				if sql != "" {
					pgtest.Exec(t, url, sql)
				}
			}
			before := dump(t, d.fromURL) + dump(t, d.toURL)
			if err := d.move().Run(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if diff := cmp.Diff(before, dump(t, d.fromURL)+dump(t, d.toURL)); diff != "" {
				t.Errorf("a refused move changed:\n%s", diff)
			}
		})
	}
}

// TestAnEmptyAccountAtTheTargetIsReplaced has one that a sync made which was sent to the wrong
// database.
func TestAnEmptyAccountAtTheTargetIsReplaced(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	follow(t, d.to, d.mover, nil, 10)
	run(t, d.move())
	if known, _ := follow(t, d.to, d.mover, nil, 10); len(known) != 1 {
		t.Errorf("the target has %v", known)
	}
}

// TestAnIDThatIsTakenAtTheTargetStopsAMove must not overwrite another's todo.
func TestAnIDThatIsTakenAtTheTargetStopsAMove(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	made := create(t, d.from, d.mover, "t")
	if _, err := d.to.CreateTodo(t.Context(), user(t, "other"), todo.Draft{ID: &made.ID, Title: "another's"}); err != nil {
		t.Fatal(err)
	}
	before := dump(t, d.toURL)
	err := d.move().Run(t.Context())
	const want = "another user of the target has a todo with an id of this one (Key (id)=(%s) already exists.)"
	if _, isRefusal := errors.AsType[*postgres.MoveRefusedError](err); !isRefusal || !strings.Contains(err.Error(), fmt.Sprintf(want, made.ID)) {
		t.Error(err)
	}
	if diff := cmp.Diff(before, dump(t, d.toURL)); diff != "" {
		t.Errorf("the target changed:\n%s", diff)
	}
	create(t, d.from, d.mover, "after the move that can't be")
}

// TestOneMoveOfAUserAtATime has one under way, and tries others.
func TestOneMoveOfAUserAtATime(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	move := d.move()
	move.Route = func(ctx context.Context) error {
		for name, second := range map[string]func(context.Context) error{
			"the same": d.move().Run, "an abort": d.move().Abort, "an abort without the target": d.move().AbortWithoutTarget, "back": d.back().Run,
		} {
			if err := second(ctx); err == nil || !strings.Contains(err.Error(), "another move of the user is under way") {
				t.Errorf("%s: %v", name, err)
			}
		}
		other := d.move()
		other.User = user(t, "other")
		return other.Run(ctx)
	}
	run(t, move)

	same := d.move()
	same.To = open(t, d.fromURL, 8)
	before := dump(t, d.fromURL)
	if err := same.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the same database") {
		t.Errorf("to the same database: %v", err)
	}
	if dump(t, d.fromURL) != before {
		t.Error("a move to the same database changed it")
	}
}

// TestARouteThatFailsIsTriedAgain wants a move that is done but for its route to go on.
func TestARouteThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	move, calls := d.move(), 0
	move.Route = func(context.Context) error {
		if calls++; calls == 1 {
			return errors.New("no balancer")
		}
		return nil
	}
	if err := move.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no balancer") {
		t.Errorf("the first run: %v", err)
	}
	create(t, d.to, d.mover, "by a balancer that knows")
	run(t, move)
	if known, _ := follow(t, d.to, d.mover, nil, 10); calls != 2 || len(known) != 2 {
		t.Errorf("%d calls, and the target has %v", calls, known)
	}
}

// TestARowThatKnowsNoSealStopsAMove has an old process write to the source after its seal.
func TestARowThatKnowsNoSealStopsAMove(t *testing.T) {
	t.Parallel()
	d := newTwoDatabases(t)
	create(t, d.from, d.mover, "t")
	log := new(pgtest.Log)
	move := d.move()
	move.Logger = slog.New(onStep{log.Logger().Handler(), "copied", func() {
		pgtest.Exec(t, d.fromURL, "INSERT INTO todo (user_id, title) VALUES ('mover', 'by an old process')")
	}})
	if err := move.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "an older todod still writes") {
		t.Errorf("%v\n%s", err, log)
	}
	run(t, d.move())
	if known, _ := follow(t, d.to, d.mover, nil, 10); len(known) != 2 {
		t.Errorf("the target has %v", known)
	}
}

// onStep is a log that does something at a step.
type onStep struct {
	slog.Handler
	step string
	do   func()
}

func (h onStep) Handle(ctx context.Context, record slog.Record) error {
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "step" && attr.Value.String() == h.step {
			h.do()
		}
		return true
	})
	return h.Handler.Handle(ctx, record)
}
