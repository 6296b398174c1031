//go:build mutants

package postgres_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

const (
	gaplessTest = "TestSyncMissesNothing"

	// gaplessRuns is how often the test has to fail for a mutant, of as many runs.
	gaplessRuns = 10

	// gaplessChanges is how many changes a run makes at most. It ends at its first fault,
	// which comes after 4,000 to 16,000 where it takes longest.
	gaplessChanges = 200_000
)

// gaplessMutant is the package with something taken out that sync needs to miss nothing.
type gaplessMutant struct {
	name    string
	changes []sourceChange
}

// sourceChange replaces a text that a file has once.
type sourceChange struct{ file, before, after string }

func gaplessMutants() []gaplessMutant {
	takeRevision := strings.NewReplacer("<", "` + ", ">", " + `").Replace(`INSERT INTO todo_account AS mine (user_id, revision)
				SELECT $1, <clockRevision>
				WHERE  EXISTS (SELECT FROM meant)
				ON CONFLICT (user_id) DO UPDATE
				SET    revision = <laterRevision>
				WHERE  mine.<isOpen>
				RETURNING revision, clock_timestamp() AS at
			)`)
	return []gaplessMutant{
		{"revisions without the account's lock", []sourceChange{
			{"account.go", takeRevision, `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint AS revision, clock_timestamp() AS at
				WHERE  EXISTS (SELECT FROM meant)
			)`},
			{"changes.go", ", account.revision, account.floor", `,
				         GREATEST(account.floor, (SELECT max(t.revision) FROM todo t WHERE t.user_id = $1)),
				         account.floor`},
		}},
		{"revisions taken before the account's lock", []sourceChange{
			{"account.go", "bumped AS (\n\t\t\t\t" + takeRevision, `taken AS MATERIALIZED (
				SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint AS revision
				WHERE  EXISTS (SELECT FROM meant)
			), raised AS (
				INSERT INTO todo_account AS mine (user_id, revision)
				SELECT $1, revision FROM taken
				ON CONFLICT (user_id) DO UPDATE
				SET    revision = GREATEST(mine.revision, EXCLUDED.revision)
				RETURNING user_id
			), bumped AS (
				SELECT taken.revision, clock_timestamp() AS at FROM taken, raised
			)`},
		}},
		{"a sweep that does not look again", []sourceChange{
			{"sweep.go", "AND  todo.deleted_at < now() - make_interval(secs => $1)\n\t\t\t\tRETURNING", "RETURNING"},
		}},
		{"a sweep that does not raise the floor", []sourceChange{
			{"sweep.go", "SET    floor = GREATEST(floor, last.revision)", "SET    floor = floor"},
		}},
	}
}

// overlay writes what `go build -overlay` reads, and returns its path.
func (m gaplessMutant) overlay(t *testing.T) string {
	t.Helper()
	sources := make(map[string][]byte)
	for _, change := range m.changes {
		path, err := filepath.Abs(change.file)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(change.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte(change.before)); n != 1 {
			t.Fatalf("%s has %d times, not once:\n%s", change.file, n, change.before)
		}
		sources[path] = bytes.Replace(source, []byte(change.before), []byte(change.after), 1)
	}
	return writeOverlay(t, sources)
}

// TestSyncMissesChangesInEveryMutant wants the test of sync to notice each time when
// something is taken out that sync needs. It runs by itself: the less happens at once, the
// more changes it takes.
func TestSyncMissesChangesInEveryMutant(t *testing.T) { //nolint:paralleltest // See above.
	url := pgtest.ServerURL(t)
	for _, m := range gaplessMutants() { //nolint:paralleltest // See above.
		t.Run(m.name, func(t *testing.T) {
			output, err := runMutant(t, m.overlay(t), url,
				"-test.run", "^"+gaplessTest+"$", "-test.count", strconv.Itoa(gaplessRuns), "-changes", strconv.Itoa(gaplessChanges))
			failed := strings.Count(output, "--- FAIL: "+gaplessTest)
			if err == nil || failed != gaplessRuns || strings.Contains(output, "SQLSTATE") || strings.Contains(output, "panic: ") {
				t.Errorf("%s fails %d of %d times: %v\n%s", gaplessTest, failed, gaplessRuns, err, output)
			}
			t.Logf("\n%s", firstFaults(output))
		})
	}
}

// firstFaults returns the first fault of each run.
func firstFaults(output string) string {
	var faults []string
	isNext := false
	for line := range strings.Lines(output) {
		if isNext {
			faults = append(faults, line)
		}
		isNext = strings.HasPrefix(line, "--- FAIL")
	}
	return strings.Join(faults, "")
}
