//go:build mutants

package postgres_test

import (
	"context"
	"encoding/json"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/postgres/sqlowner"
	"example.com/todo-backend/internal/todo"
)

// isolationTest is what has to fail when a statement forgets whose todos it is
// about.
const isolationTest = "TestNoMethodReachesAnotherUsersTodos"

// mutantTimeout bounds the compilation and the run of one mutant.
const mutantTimeout = 15 * time.Minute

// TestTheIsolationTestFailsForEveryStatementThatForgetsTheOwner takes the
// package's SQL, as it finds it in the source, and for each place that ties a
// statement to an owner compiles the package with that one taken out. The
// isolation test must fail for every one of them, by what it checks: not because
// the statement is no SQL any more.
func TestTheIsolationTestFailsForEveryStatementThatForgetsTheOwner(t *testing.T) {
	t.Parallel()
	mutants := findMutants(t)
	if methods := reflect.TypeFor[todo.Store]().NumMethod(); len(mutants) < methods {
		t.Fatalf("%d conditions on user_id were found for %d methods", len(mutants), methods)
	}
	url := pgtest.ServerURL(t)
	if output, err := runIsolationTest(t, "", url); err != nil {
		t.Fatalf("the isolation test fails for the package as it is: %v\n%s", err, output)
	}
	for _, m := range mutants {
		t.Run(m.function, func(t *testing.T) {
			t.Parallel()
			t.Logf("%s: %s becomes %s", m.position, m.before, m.after)
			output, err := runIsolationTest(t, m.overlay(t), url)
			switch {
			case err == nil:
				t.Errorf("%s: with %s in place of %s, %s passes", m.position, m.after, m.before, isolationTest)
			case !strings.Contains(output, "--- FAIL: "+isolationTest+"/"), strings.Contains(output, "SQLSTATE"), strings.Contains(output, "panic: "):
				t.Errorf("%s: with %s in place of %s, %s does not come to a verdict: %v\n%s",
					m.position, m.after, m.before, isolationTest, err, output)
			}
		})
	}
}

// runIsolationTest runs the isolation test as runMutant does.
func runIsolationTest(t *testing.T, overlay, databaseURL string) (output string, err error) {
	t.Helper()
	return runMutant(t, overlay, databaseURL, "-test.run", "^"+isolationTest+"$")
}

// runMutant compiles the tests with an overlay of sources, none when it is empty, and
// runs them on a server. A failed compilation fails the calling test.
func runMutant(t *testing.T, overlay, databaseURL string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mutantTimeout)
	defer cancel()
	binary := filepath.Join(t.TempDir(), "postgres.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "-overlay", overlay, ".")
	if overlay == "" {
		build.Args = []string{"go", "test", "-c", "-o", binary, "."}
	}
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, text)
	}
	test := exec.CommandContext(ctx, binary, append(args, "-test.timeout", mutantTimeout.String())...)
	test.Env = append(os.Environ(), "TEST_DATABASE_URL="+databaseURL)
	text, err := test.CombinedOutput()
	return string(text), err
}

// mutant is the package with one condition on user_id taken out.
type mutant struct {
	file     string // Its path.
	position token.Position
	function string // The function that has the statement.
	before   string
	after    string
	source   []byte // The file, changed.
}

// overlay writes what `go build -overlay` reads, and returns its path.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	return writeOverlay(t, map[string][]byte{m.file: m.source})
}

// writeOverlay writes what `go build -overlay` reads, and returns its path. Sources are
// by the paths of the files that they replace.
func writeOverlay(t *testing.T, sources map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for file, source := range sources {
		replace[file] = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(replace[file], source, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// forAll has the functions whose statements are about all owners' rows.
func forAll() []string { return []string{"sweepSome", "sweepSomeRequests", "RenewEpochs", "someUsers"} }

// lookTwice has the functions whose statements look at a row twice: before they take a
// revision, and when they change it. Taking out the second look alone changes nothing, as
// the first one has the owner. So it is taken out with the first.
func lookTwice() []string {
	return []string{"UpdateTodo", "writeDetailed", "deleteTodo", "UndeleteTodo"}
}

// findMutants returns a mutant for each place of the package's SQL that ties a
// statement to an owner.
func findMutants(t *testing.T) []mutant {
	t.Helper()
	var mutants []mutant
	for _, s := range ownedStatements(t) {
		if slices.Contains(forAll(), s.Function) {
			continue
		}
		for i, c := range s.Conditions {
			out := []sqlowner.Condition{c}
			if first := slices.IndexFunc(s.Conditions, func(other sqlowner.Condition) bool { return other.Text == c.Text }); first < i && slices.Contains(lookTwice(), s.Function) {
				out = []sqlowner.Condition{s.Conditions[first], c}
			}
			mutants = append(mutants, mutant{
				file: s.File, position: s.Position, function: s.Function,
				before: c.Text, after: c.Instead, source: s.Without(out...),
			})
		}
	}
	return mutants
}
