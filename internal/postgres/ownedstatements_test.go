package postgres_test

import (
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/sqlowner"
)

// ownerless lists the queries on the table of todos that have no owner, by their
// function and how they begin, with the reason why they may.
func ownerless() map[string]string {
	return map[string]string{
		"createPlain: (SELECT FROM todo WHERE id = $2)":    "it tells whether to take a revision, of the caller's own account",
		"createDetailed: (SELECT FROM todo WHERE id = $2)": "it tells whether to take a revision, of the caller's own account",
		"whyNotCreated: (SELECT FROM todo WHERE id = $2)":  "it tells whether an id is taken, as a create does",
		"sweepSome: (":                                "it is for all owners",
		"someUsers: (SELECT   DISTINCT user_id":       "it is for all owners",
		"sweepSomeRequests: DELETE FROM todo_request": "it is for all owners",
		"sweepSomeRequests: (SELECT   ctid":           "it is for all owners",
	}
}

// ownedStatements returns the statements of the package. It fails the test for a
// query on the table of todos that is tied to no owner and not in ownerless, and
// for SQL that can't be checked.
func ownedStatements(t *testing.T) []sqlowner.Statement {
	t.Helper()
	statements := statementsOn(t, "todo")
	listed := ownerless()
	for _, statement := range append(statementsOn(t, "todo_request"), statements...) {
		for _, query := range statement.Untied {
			known := false
			for entry := range listed {
				function, begin, _ := strings.Cut(entry, ": ")
				if function == statement.Function && strings.HasPrefix(query, begin) {
					delete(listed, entry)
					known = true
				}
			}
			if !known {
				t.Errorf("%s: no condition on the owner in the query that begins with\n%s", statement.Position, query)
			}
		}
	}
	for query := range listed {
		t.Errorf("there is no such query any more, or it has an owner: %s", query)
	}
	return statements
}

// statementsOn returns the statements of the package, checked for a table.
func statementsOn(t *testing.T, table string) []sqlowner.Statement {
	t.Helper()
	statements, err := sqlowner.Table{Name: table, Owner: "user_id"}.Statements(".")
	if err != nil {
		t.Error(err)
	}
	return statements
}

func TestEveryQueryOnTodosIsTiedToAnOwner(t *testing.T) {
	t.Parallel()
	n := 0
	for _, statement := range ownedStatements(t) {
		n += len(statement.Conditions)
		for _, c := range statement.Conditions {
			t.Logf("%s: %s", statement.Function, c.Text)
		}
	}
	if n == 0 {
		t.Error("no condition was found")
	}
}
