// Package sqlowner finds the SQL in the Go sources of a package, and in each statement
// the conditions that tie it to the owner of the rows. With it tests show that no
// statement forgets whose rows it is about, and take each condition out, to see that
// the tests of the package notice. It is for tests alone.
//
// It reads Go by go/types (sources.go), and SQL by its tokens and parentheses
// (tokens.go, syntax.go, conditions.go). What it does not understand is an error.
package sqlowner

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strconv"
)

// Table is a table whose rows have owners.
type Table struct {
	Name  string
	Owner string // The column that has a row's owner.
}

// Statement is a statement of a package.
type Statement struct {
	SQL      string
	File     string         // The path of the source that has it.
	Position token.Position // Where it begins there.
	Function string         // The function that has it, or "outside of functions".

	// Conditions tie the statement to an owner. Untied are its queries that name the
	// table more often than they are tied to an owner, each from where it begins.
	Conditions []Condition
	Untied     []string

	text sourceText
}

// Without returns the source of a statement's file without some of its conditions, which
// are in their order.
func (s Statement) Without(conditions ...Condition) []byte {
	changed, end := "", 0
	for _, c := range conditions {
		changed += s.SQL[end:c.start] + c.Instead
		end = c.end
	}
	changed = strconv.Quote(changed + s.SQL[end:])
	return slices.Concat(s.text.source[:s.Position.Offset], []byte(changed), s.text.source[s.text.end:])
}

// Statements returns the statements of the package in a folder, but for its tests. It
// fails when the package can't be read, and for each statement that can't be checked:
// for conditions in a form that can't be taken out, for SQL that is put together at run
// time, and for a condition that is in a text of its own and in no statement.
func (t Table) Statements(folder string) (statements []Statement, err error) {
	texts, err := sourceTexts(folder)
	if err != nil {
		return nil, err
	}
	var errs []error
	var pieces []sourceText
	var used []string // Names in statements.
	for _, text := range texts {
		sql := parseSQL(text.text)
		conditions, err := sql.conditions(t.Owner)
		switch {
		case err != nil:
			errs = append(errs, text.fault(err.Error()))
		case !sql.isStatement() && len(conditions) == 0: // No SQL, or nothing of an owner.
		case text.isRunTime:
			errs = append(errs, text.fault("SQL that is put together at run time can't be checked"))
		case !sql.isStatement():
			pieces = append(pieces, text)
		default:
			used = append(used, text.uses...)
			statements = append(statements, Statement{
				SQL: text.text, File: text.file, Position: text.position, Function: text.function,
				Conditions: conditions, Untied: sql.untied(t, conditions), text: text,
			})
		}
	}
	for _, piece := range pieces {
		if !slices.Contains(used, piece.constant) {
			errs = append(errs, piece.fault("a condition on "+t.Owner+" that is in no statement"))
		}
	}
	return statements, errors.Join(errs...)
}

// fault says what is wrong with a text.
func (t sourceText) fault(what string) error {
	return fmt.Errorf("%s: %s:\n%s", t.position, what, t.text)
}
