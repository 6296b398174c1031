package sqlowner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatementsHaveTheirConditionsAndTheirPlace(t *testing.T) {
	t.Parallel()
	const begin = "package p\n\nconst mine = `user_id = $1`\n\nfunc get() {\n\trun("
	const end = ")\n\trun(\"SELECT 1\", \"get todo\")\n}\n"
	statements, err := todos.Statements(writePackage(t, begin+"`SELECT 1 FROM todo WHERE ` + mine"+end))
	if err != nil {
		t.Fatal(err)
	}
	if len(statements) != 2 || len(statements[0].Conditions) != 1 || len(statements[1].Conditions) != 0 {
		t.Fatalf("the statements are %+v", statements)
	}
	get := statements[0]
	if get.SQL != "SELECT 1 FROM todo WHERE user_id = $1" || get.Function != "get" || get.Position.Line != 6 || len(get.Untied) != 0 {
		t.Errorf("the statement is %+v", get)
	}
	want := begin + `"SELECT 1 FROM todo WHERE (user_id = $1 OR true)"` + end
	if diff := cmp.Diff(want, string(get.Without(get.Conditions[0]))); diff != "" {
		t.Errorf("without the condition (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeCheckedIsAnError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ source, want string }{
		"no Go":                  {"package", "expected"},
		"put together":           {"func f(s string) { run(`SELECT 1 FROM todo WHERE ` + s) }", "put together at run time"},
		"a piece put together":   {"func f(s string) { run(s + `user_id = $1`) }", "put together at run time"},
		"a piece by itself":      {"const mine = `user_id = $1`", "in no statement"},
		"a piece without a name": {"func f() { run(`AND user_id = $1`); run(`SELECT 1 FROM todo WHERE user_id = $1`) }", "in no statement"},
		"another form":           {"func f() { run(`SELECT 1 FROM todo JOIN account USING (user_id)`) }", "USING"},
	} {
		_, err := todos.Statements(writePackage(t, "package p\n\n"+test.source+"\n"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, test.want)
		}
	}
}
