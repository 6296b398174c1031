//go:build mutants

package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// isolationTest is what has to fail when a statement forgets whose todos it is
// about.
const isolationTest = "TestNoMethodReachesAnotherUsersTodos"

// mutantTimeout bounds the compilation and the run of one mutant.
const mutantTimeout = 5 * time.Minute

// TestTheIsolationTestFailsForEveryStatementThatForgetsTheOwner takes the
// package's SQL, as it finds it in the source, and for each place that binds
// user_id compiles the package with that one taken out. The isolation test must
// fail for every one of them, by what it checks: not because the statement is
// no SQL any more.
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

// runIsolationTest compiles the tests with an overlay of sources, none when it
// is empty, and runs the isolation test on a server. A failed compilation fails
// the calling test.
func runIsolationTest(t *testing.T, overlay, databaseURL string) (output string, err error) {
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
	test := exec.CommandContext(ctx, binary, "-test.run", "^"+isolationTest+"$", "-test.timeout", mutantTimeout.String())
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
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, m.source, 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// findMutants returns a mutant for each place of the package's SQL that binds
// user_id. It fails the test when it can't tell what a place does, and when a
// statement on the table has none.
func findMutants(t *testing.T) []mutant {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var mutants []mutant
	files := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(files, path, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function := "outside of functions"
			if f, ok := declaration.(*ast.FuncDecl); ok {
				function = f.Name.Name
			}
			ast.Inspect(declaration, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				at := files.Position(literal.Pos())
				sql, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				changes, err := takeOutOwner(sql)
				if err != nil {
					t.Errorf("%s: %v in:\n%s", at, err, sql)
				}
				for _, c := range changes {
					changed := append([]byte(nil), source[:at.Offset]...)
					changed = append(changed, strconv.Quote(sql[:c.start]+c.after+sql[c.end:])...)
					changed = append(changed, source[at.Offset+len(literal.Value):]...)
					mutants = append(mutants, mutant{
						file: absolute, position: at, function: function,
						before: sql[c.start:c.end], after: c.after, source: changed,
					})
				}
				return true
			})
		}
	}
	return mutants
}

// change replaces a piece of a statement.
type change struct {
	start, end int
	after      string
}

var (
	// onTable finds a statement, or a part of one, about the table of todos.
	onTable = regexp.MustCompile(`(?i)\b((FROM|INTO|JOIN|USING)\s+todo\b|UPDATE\s+todo\s+([a-z]+\s+){0,2}SET\b)`)
	// owner finds the column, with its table's name where it has one.
	owner = regexp.MustCompile(`(?i)(\b(todo|excluded|[a-z])\.)?\buser_id\b`)
	// operand is what user_id is compared with: a parameter, a column of
	// another row, a list or a subquery in parentheses.
	operand = `((\$\d+|(?:\w+\.)?user_id|asked\.owner)(::\w+)?|ANY\s*\([^()]*\)|\([^()]*\))`
	// compared finds a comparison with it on either side.
	compared = regexp.MustCompile(`(?i)(\b\w+\.)?\buser_id\s*(=|IN\b|IS\s+NOT\s+DISTINCT\s+FROM\b)\s*` + operand +
		`|\$\d+(::\w+)?\s*=\s*(\b\w+\.)?\buser_id\b`)
	// inserted finds the head of an INSERT, up to its columns.
	inserted = regexp.MustCompile(`(?i)\bINSERT\s+INTO\s+todo\s*(AS\s+\w+\s*)?\(`)
	// source finds what an INSERT takes its values from.
	source = regexp.MustCompile(`(?i)^\s*(VALUES\s*\(|SELECT\b)`)
	// afterValues finds the end of a SELECT's expressions.
	afterValues = regexp.MustCompile(`(?i)^(FROM|WHERE|ON\s+CONFLICT|RETURNING|UNION|GROUP|ORDER|LIMIT)\b`)
)

// takeOutOwner returns the changes that each take one binding of user_id out of
// a piece of SQL and leave valid SQL of the same parameters: a comparison
// becomes true, and the owner of a row to be inserted becomes another. It fails
// for a piece about the table of todos without a binding, and for a mention of
// user_id that it doesn't know.
func takeOutOwner(sql string) ([]change, error) {
	var changes []change
	known := make(map[int]bool) // Offsets of mentions that were explained.
	explain := func(start, end int) {
		for _, mention := range owner.FindAllStringIndex(sql[start:end], -1) {
			known[start+mention[1]] = true
		}
	}
	for _, at := range compared.FindAllStringIndex(sql, -1) {
		changes = append(changes, change{at[0], at[1], "(" + sql[at[0]:at[1]] + " OR true)"})
		explain(at[0], at[1])
	}
	for _, at := range inserted.FindAllStringIndex(sql, -1) {
		columns, end := splitList(sql, at[1])
		values := source.FindStringIndex(sql[end:])
		if values == nil {
			return nil, fmt.Errorf("an INSERT from neither VALUES nor SELECT")
		}
		expressions, _ := splitList(sql, end+values[1])
		for i, column := range columns {
			if strings.TrimSpace(sql[column[0]:column[1]]) != "user_id" {
				continue
			}
			if i >= len(expressions) {
				return nil, fmt.Errorf("an INSERT with fewer values than columns")
			}
			value := expressions[i]
			changes = append(changes, change{value[0], value[1], "('not ' || " + strings.TrimSpace(sql[value[0]:value[1]]) + "::text)"})
			explain(column[0], column[1])
		}
	}
	if onTable.MatchString(sql) && len(changes) == 0 {
		return nil, fmt.Errorf("a statement on the table of todos without a condition on user_id")
	}
	for _, mention := range owner.FindAllStringIndex(sql, -1) {
		isName := strings.HasPrefix(sql[mention[1]:], "'") && strings.HasSuffix(sql[:mention[0]], "'") // As a text.
		if !known[mention[1]] && !isName {
			return nil, fmt.Errorf("a use of user_id that this test can't take out: teach it")
		}
	}
	return changes, nil
}

// splitList returns where the items of a list are, separated by commas, that
// begins at start, and where it ends: behind its closing parenthesis, or before
// what follows a SELECT's expressions.
func splitList(sql string, start int) (items [][2]int, end int) {
	depth, from := 0, start
	for i := start; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '\'':
			for i++; i < len(sql) && sql[i] != '\''; i++ {
			}
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return append(items, [2]int{from, i}), i + 1
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			items, from = append(items, [2]int{from, i}), i+1
		case depth == 0 && (i == 0 || sql[i-1] <= ' ') && afterValues.MatchString(sql[i:]):
			return append(items, [2]int{from, i}), i
		}
	}
	return append(items, [2]int{from, len(sql)}), len(sql)
}

// TestEveryFormOfTheOwnerIsTakenOut is about statements that the package may
// come to have.
func TestEveryFormOfTheOwnerIsTakenOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sql  string
		want []string // The whole statements; nil when it must be refused.
	}{
		{"SELECT 1 FROM todo WHERE user_id = $1 AND id = $2", []string{
			"SELECT 1 FROM todo WHERE (user_id = $1 OR true) AND id = $2",
		}},
		{"DELETE FROM todo t WHERE $1 = t.user_id", []string{
			"DELETE FROM todo t WHERE ($1 = t.user_id OR true)",
		}},
		{"INSERT INTO todo (id, user_id, title) VALUES (COALESCE($2, f(1, 2)), $1, ',user_') RETURNING id", []string{
			"INSERT INTO todo (id, user_id, title) VALUES (COALESCE($2, f(1, 2)),('not ' || $1::text), ',user_') RETURNING id",
		}},
		{"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
			" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2", []string{
			"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE (user_id = $1 OR true)) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2",
			"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE (todo.user_id = EXCLUDED.user_id OR true) AND todo.title = $2",
			"INSERT INTO todo (user_id, title) SELECT('not ' || $1::text), $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2",
		}},
		{"SELECT call FROM unnest($1::text[]) AS asked (owner) CROSS JOIN LATERAL (SELECT 1 FROM todo WHERE user_id = asked.owner LIMIT 1) AS found", []string{
			"SELECT call FROM unnest($1::text[]) AS asked (owner) CROSS JOIN LATERAL (SELECT 1 FROM todo WHERE (user_id = asked.owner OR true) LIMIT 1) AS found",
		}},
		{"SELECT to_regclass('todo') IS NOT NULL", []string{}},
		{"SELECT 1 FROM pg_attribute WHERE attname = 'user_id'", []string{}},
		{"SELECT count(*) FROM todo", nil},
		{"UPDATE todo SET title = $1 WHERE id = $2", nil},
		{"SELECT user_id FROM todo WHERE user_id = $1", nil},
		{"SELECT 1 FROM todo WHERE user_id LIKE $1", nil},
		{"SELECT 1 FROM todo WHERE user_id = $1 OR user_id <> $2", nil},
	} {
		changes, err := takeOutOwner(test.sql)
		if (err != nil) != (test.want == nil) {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		var got []string
		for _, c := range changes {
			got = append(got, test.sql[:c.start]+c.after+test.sql[c.end:])
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: becomes %q, want %q", test.sql, got, test.want)
			continue
		}
		for i, want := range test.want {
			if got[i] != want {
				t.Errorf("%s:\n got %s\nwant %s", test.sql, got[i], want)
			}
		}
	}
}
