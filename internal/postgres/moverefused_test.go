package postgres_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// TestATakenIDIsReplacedAtEitherSide has the statement of docs/operations.md give one of two
// todos another id, whichever was made later.
func TestATakenIDIsReplacedAtEitherSide(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target", "source, all ids"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			d := newTwoDatabases(t)
			other := user(t, "other")
			taken := create(t, d.from, d.mover, "mine")
			create(t, d.from, d.mover, "mine too")
			if _, err := d.to.CreateTodo(t.Context(), other, todo.Draft{ID: &taken.ID, Title: "another's"}); err != nil {
				t.Fatal(err)
			}
			create(t, d.to, other, "another's too")
			store, url, owner := d.from, d.fromURL, d.mover
			if side == "target" {
				store, url, owner = d.to, d.toURL, other
			}
			bystander := user(t, "bystander")
			create(t, store, bystander, "a bystander's")
			d.refusesForID(t, taken.ID)
			before, position := follow(t, store, owner, nil, 10)
			others := othersRows(t, url, owner.String())

			sql := documented(t, "Moving a user to another database", ":'user'", "'"+owner.String()+"'", ":'id'", "'"+taken.ID.String()+"'")
			if strings.HasSuffix(side, "all ids") {
				sql = sql[:strings.LastIndex(sql, "  AND  ")]
			}
			pgtest.Exec(t, url, sql)
			if diff := cmp.Diff(others, othersRows(t, url, owner.String())); diff != "" {
				t.Errorf("others' rows changed:\n%s", diff)
			}
			changes, err := store.ListChanges(t.Context(), owner, position, 10)
			if err != nil || !changes.IsReset {
				t.Errorf("%+v, %v, want a reset", changes, err)
			}
			after, _ := follow(t, store, owner, nil, 10)
			titles := make(map[string]int)
			for id, one := range after {
				titles[one.Title]++
				was, isThere := before[id]
				if kept := isThere && was.Version == one.Version; kept != (one.Title != before[taken.ID].Title && !strings.HasSuffix(side, "all ids")) {
					t.Errorf("%q has its id as before: %v", one.Title, kept)
				}
			}
			for _, one := range before {
				titles[one.Title]--
			}
			for title, n := range titles {
				if n != 0 {
					t.Errorf("%q: %+d todos", title, n)
				}
			}

			run(t, d.move())
			for owner, want := range map[todo.UserID]int{d.mover: 3, other: 2} {
				if known, _ := follow(t, d.to, owner, nil, 10); len(known) != want {
					t.Errorf("%v has %v at the target", owner, known)
				}
			}
		})
	}
}

// refusesForID wants the move to be refused for a taken id, and the user to be able to write
// at the source afterwards.
func (d *twoDatabases) refusesForID(t *testing.T, id todo.ID) {
	t.Helper()
	err := d.move().Run(t.Context())
	if _, isRefusal := errors.AsType[*postgres.MoveRefusedError](err); !isRefusal || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("%v, want a refusal that names %v", err, id)
	}
	create(t, d.from, d.mover, "after the refusal")
}

// TestAUserWhoseMoveIsRefusedCanWriteAtTheSource has a target whose state changes when the
// source is sealed: the user's calls may be sent there meanwhile.
func TestAUserWhoseMoveIsRefusedCanWriteAtTheSource(t *testing.T) {
	t.Parallel()
	const account = "INSERT INTO todo_account (user_id, revision, sealed) VALUES ('mover', 1, %SEAL%)"
	const astray = "; INSERT INTO todo (user_id, title) VALUES ('mover', 'astray')"
	for name, sql := range map[string]string{
		"todos at the target":        strings.ReplaceAll(account, "%SEAL%", "0") + astray,
		"a move away from there":     strings.ReplaceAll(account, "%SEAL%", "1"),
		"handed over by the target":  strings.ReplaceAll(account, "%SEAL%", "4") + astray,
		"gone from there, and todos": strings.ReplaceAll(account, "%SEAL%", "3") + astray,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTwoDatabases(t)
			create(t, d.from, d.mover, "t")
			var before string
			move := d.move()
			move.Logger = slog.New(onStep{new(pgtest.Log).Logger().Handler(), sealedStep, func() {
				pgtest.Exec(t, d.toURL, sql)
				before = dump(t, d.toURL)
			}})
			err := move.Run(t.Context())
			if _, isRefusal := errors.AsType[*postgres.MoveRefusedError](err); !isRefusal || !strings.Contains(err.Error(), "the user is at the source as before") {
				t.Error(err)
			}
			create(t, d.from, d.mover, "after the refusal")
			if diff := cmp.Diff(before, dump(t, d.toURL)); diff != "" {
				t.Errorf("the target changed:\n%s", diff)
			}
		})
	}
}
