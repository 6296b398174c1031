package postgres_test

import (
	"slices"
	"strings"
	"testing"
)

// ownerless lists the queries on the table of todos that have no owner, by their
// function and how they begin, with the reason why they may.
func ownerless() map[string]string {
	return map[string]string{} // None at present.
}

// ownedStatement is a statement of the package and what ties it to an owner.
type ownedStatement struct {
	text       sourceText
	conditions []ownerCondition
}

// ownedStatements returns the statements of the package. It fails the test for a
// query on the table of todos that is tied to no owner and not in ownerless, and
// for SQL that it can't read.
func ownedStatements(t *testing.T) []ownedStatement {
	t.Helper()
	var statements []ownedStatement
	var used []string // Names in statements.
	pieces := make(map[string]sourceText)
	listed := ownerless()
	for _, text := range sourceTexts(t, ".") {
		sql := parseSQL(text.text)
		conditions, err := sql.conditions()
		if err != nil {
			t.Errorf("%s: %v in:\n%s", text.position, err, text.text)
			continue
		}
		switch {
		case !sql.isStatement() && len(conditions) == 0: // No SQL, or nothing of an owner.
		case text.isRunTime:
			t.Errorf("%s: SQL that is put together at run time can't be checked:\n%s", text.position, text.text)
		case !sql.isStatement():
			pieces[text.constant] = text
		default:
			used = append(used, text.uses...)
			for _, query := range sql.untied(conditions) {
				known := false
				for begin := range listed {
					function, begin, _ := strings.Cut(begin, ": ")
					if function == text.function && strings.HasPrefix(query, begin) {
						delete(listed, function+": "+begin)
						known = true
					}
				}
				if !known {
					t.Errorf("%s: no condition on %s in the query that begins with\n%s", text.position, ownerColumn, query)
				}
			}
			statements = append(statements, ownedStatement{text, conditions})
		}
	}
	for name, text := range pieces {
		if !slices.Contains(used, name) {
			t.Errorf("%s: a condition on %s that is in no statement:\n%s", text.position, ownerColumn, text.text)
		}
	}
	for query := range listed {
		t.Errorf("there is no such query any more, or it has an owner: %s", query)
	}
	return statements
}

func TestEveryQueryOnTodosIsTiedToAnOwner(t *testing.T) {
	t.Parallel()
	n := 0
	for _, statement := range ownedStatements(t) {
		n += len(statement.conditions)
		for _, c := range statement.conditions {
			t.Logf("%s: %s", statement.text.function, statement.text.text[c.start:c.end])
		}
	}
	if n == 0 {
		t.Error("no condition was found")
	}
}
