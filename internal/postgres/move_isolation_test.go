package postgres_test

import (
	"context"
	"log/slog"
	"strings"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// others fills the database to which Mallory moves with users in every state.
const others = `
	INSERT INTO todo_account (user_id, revision, sealed)
	VALUES ('alice', 5, 2), ('bob', 5, 0), ('carol', 5, 1), ('dave', 5, 3), ('mallory', 5, 0);
	INSERT INTO todo (user_id, title, revision) VALUES ('alice', 'a copy', 1), ('bob', 'his', 1), ('carol', 'hers', 1);
	INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
	SELECT u, gen_random_uuid(), '', '{}', '{}' FROM unnest(ARRAY['alice', 'bob', 'carol']) AS u`

// move is the case of [postgres.Move]: to another database and back, and one that is
// aborted.
func move(u twoUsers) {
	create(u.T, u.store, u.mallory, "mine")
	remove(u.T, u.store, u.mallory, create(u.T, u.store, u.mallory, "my trash").ID, false)
	apply(u.T, u.store, u.mallory, applyRequest(todo.InvalidOperation{}))
	apply(u.T, u.store, u.alice, applyRequest(todo.InvalidOperation{}))
	elsewhere := pgtest.NewDatabase(u.T)
	pgtest.Exec(u.T, elsewhere, others)
	stores := [2]*postgres.Store{open(u.T, u.url, 8), open(u.T, elsewhere, 8)}
	urls := [2]string{u.url, elsewhere}
	foreign := func() string { return othersRows(u.T, u.url, "mallory") + othersRows(u.T, elsewhere, "mallory") }
	mine, before := rowsOf(u.T, u.url, "mallory"), foreign()
	check := func(what string, at int) {
		u.Helper()
		if diff := cmp.Diff(before, foreign()); diff != "" {
			u.Fatalf("%s: what others have changed:\n%s", what, diff)
		}
		if diff := cmp.Diff(mine, rowsOf(u.T, urls[at], "mallory")); diff != "" {
			u.Errorf("%s: what Mallory has changed:\n%s", what, diff)
		}
		if left := rowsOf(u.T, urls[1-at], "mallory"); left != "" {
			u.Errorf("%s: what Mallory has left behind:\n%s", what, left)
		}
	}
	for from := range 2 {
		to := 1 - from
		m := postgres.Move{From: stores[from], To: stores[to], User: u.mallory}
		ctx, stop := context.WithCancel(u.Context())
		m.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), "copied", stop})
		if err := m.Run(ctx); err == nil {
			u.Error("a move that was stopped succeeds")
		}
		if err := m.Abort(u.Context()); err != nil {
			u.Fatalf("abort: %v", err)
		}
		check("an aborted move", from)
		log := new(pgtest.Log)
		m.Logger = log.Logger()
		if err := m.Run(u.Context()); err != nil {
			u.Errorf("move: %v", err)
		}
		if counts := `"todos":2,"requests":1}`; strings.Count(log.String(), counts) != 2 {
			u.Errorf("copied and cleaned up are not %s each: %s", counts, log)
		}
		check("a move", to)
	}
	create(u.T, u.store, u.mallory, "the last change")
}
