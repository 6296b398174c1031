//go:build linux

package faults

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestSchemaChangedUnderTheService(t *testing.T) {
	for _, mode := range []string{"", execMode} {
		name := "schema changed, " + map[string]string{"": "direct", execMode: "behind PgBouncer"}[mode]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rate = 100
			r := newRow(t, name)
			database := pgtest.NewDatabase(t)
			through := database
			if mode != "" {
				through = stack.ThroughHost(database, startPgBouncer(t, database).address) + mode
			}
			s := startTodod(t, stack.StartIssuer(t), through, nil)
			l := load.Start(t, s.URL, s.Issuer, rate)
			l.During(time.Second)
			admin := stack.Session(t, database)
			changes := []string{
				`ALTER TABLE todo ADD COLUMN urgency integer NOT NULL DEFAULT 0`,
				`ALTER TABLE todo ALTER COLUMN title TYPE varchar(600)`,
				`ALTER TABLE todo ALTER COLUMN description TYPE text`,
				`ALTER TABLE todo ALTER COLUMN is_completed SET DEFAULT false, ALTER COLUMN urgency TYPE bigint`,
				`ALTER TABLE todo DROP COLUMN urgency`,
			}
			r.Try(func(r *report.Row) {
				from := time.Now()
				for _, change := range changes {
					stack.Execute(t, admin, change)
					time.Sleep(500 * time.Millisecond) // Callers meet what has changed.
				}
				during := l.Since(from)
				r.Note("answers", during)
				served(r, "calls", during)
			})
			r.Did("%d changes at %d calls/s: columns added and dropped, types altered", len(changes), rate)
			l.Check(r, database)
		})
	}
}

func TestMigrationOfABusyTable(t *testing.T) {
	t.Parallel()
	const rate = 50
	r := newRow(t, "migration while a SELECT holds the table")
	database := pgtest.NewDatabase(t)
	admin := stack.Session(t, database)
	stack.Execute(t, admin, `ALTER TABLE todo DROP CONSTRAINT ck_todo_user_id_not_empty`) // For it to put back.
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	l := load.Start(t, s.URL, s.Issuer, rate)
	l.During(time.Second)
	stack.Execute(t, admin, `BEGIN; SELECT count(*) FROM todo`) // As it goes on for longer than the migration waits.

	var output string
	var code int
	r.Try(func(r *report.Row) {
		from := time.Now()
		output, code = stack.Migrate(t, *program, database)
		r.Note("gave up after", report.Rounded(time.Since(from)))
		during := l.Since(from)
		r.Note("answers", during)
		served(r, "calls", during)
	})
	stack.Execute(t, admin, `ROLLBACK`)
	later, codeLater := stack.Migrate(t, *program, database)

	r.Did("migrated at %d calls/s", rate)
	report.Same(r, "exit code", code, 1)
	report.Same(r, "says who is in the way", strings.Contains(output, "a table is busy, in use by process"), true)
	report.Same(r, "exit code once it is free", codeLater, 0)
	if codeLater != 0 {
		t.Log(later)
	}
	l.Check(r, database)
}

// TestBothSidesOfASchemaChange runs the service of today beside one of a next
// version, which differs in its schema as versions may: it has more. No other test runs
// beside it, since no call of theirs may fail while a compiler takes the machine.
func TestBothSidesOfASchemaChange(t *testing.T) {
	const rate = 50
	r := newRow(t, "both sides of a schema change")
	next := buildWithSchema(t, strings.Replace(todobackend.Schema, "CREATE TABLE todo (", "CREATE TABLE todo (\n    urgency integer NOT NULL DEFAULT 0,", 1)+
		"\nCREATE INDEX ix_todo_urgency ON todo (user_id, urgency);\n")
	database := pgtest.NewEmptyDatabase(t)
	issuer := stack.StartIssuer(t)
	if output, code := stack.Migrate(t, *program, database); code != 0 {
		t.Fatal(output)
	}
	before := startTodod(t, issuer, database, nil)
	after := startTododOf(t, next, issuer, database, nil)
	loads := []*load.Load{load.Start(t, before.URL, issuer, rate), load.Start(t, after.URL, issuer, rate)}

	from := time.Now()
	loads[0].During(2 * time.Second)
	output, code := stack.Migrate(t, next, database)
	migrated := stack.Ask[int](t, stack.Session(t, database), `SELECT count(*) FROM information_schema.columns WHERE table_name = 'todo' AND column_name = 'urgency'`)
	loads[0].During(2 * time.Second)
	back, codeBack := stack.Migrate(t, *program, database) // As a rollback would.

	r.Did("ran both binaries at %d calls/s each, before and after the change", rate)
	report.Same(r, "exit code of the migration", code, 0)
	report.Same(r, "columns added", migrated, 1)
	report.Same(r, "exit code of the older one's, afterwards", codeBack, 0)
	if code+codeBack != 0 {
		t.Log(output, back)
	}
	for i, l := range loads {
		during := l.Since(from)
		r.Note([]string{"before", "after"}[i], during)
		r.None("failed", len(during.Failed()))
	}
	for _, l := range loads {
		l.Check(r, database)
	}
}

// buildWithSchema builds the service with another schema.sql in it, and the flags of make
// build, whose compiled packages it takes.
func buildWithSchema(t *testing.T, schema string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "schema.sql"): filepath.Join(dir, "schema.sql")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"schema.sql": schema, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output := filepath.Join(dir, "todod")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-pgo=auto", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", output, "./cmd/todod")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return output
}
