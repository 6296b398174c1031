package sqlowner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Condition is a place of a statement that ties it to an owner: a comparison of the
// owner's column, or its value in a row that is inserted.
type Condition struct {
	Text    string // What is to be replaced to take the condition out,
	Instead string // and by what. The statement stays valid, with the same parameters.

	start, end int // Where the text is, in bytes.
	query      int // The query that has it; see parsedSQL.query.
}

// untied returns the queries that name the table more often than they are tied to an
// owner.
func (s parsedSQL) untied(table Table, conditions []Condition) []string {
	ties := make(map[int]int)
	for i := range s.tokens {
		if s.is(i, table.Name) && !s.is(i+1, ".") && !s.is(i-1, "as", "of") {
			ties[s.query(i)]--
		}
	}
	for _, c := range conditions {
		ties[c.query]++
	}
	var queries []string
	for query, n := range ties {
		switch {
		case n >= 0:
		case query < 0:
			queries = append(queries, strings.TrimSpace(s.sql))
		default:
			queries = append(queries, s.sql[s.tokens[query].start:])
		}
	}
	return queries
}

// conditions returns the places that tie a statement to an owner, by the name of the
// owner's column, in their order.
func (s parsedSQL) conditions(column string) ([]Condition, error) {
	var found []Condition
	for i := range s.tokens {
		if !s.is(i, column) || s.is(i+1, ".") {
			continue
		}
		if s.is(s.parent[i]-1, "using") {
			return nil, fmt.Errorf("USING (%s): write the condition after ON, where it can be taken out", column)
		}
		var here []Condition
		var err error
		if s.isInserted(i) {
			here, err = s.inserted(i)
		} else {
			here, err = s.compared(i)
		}
		if err != nil {
			return nil, err
		}
		for _, c := range here { // A comparison of two has both on it.
			if !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
	}
	return found, nil
}

// compared returns the condition that a mention of the column is an operand of,
// if any: an equality, in whatever parentheses and functions.
func (s parsedSQL) compared(mention int) ([]Condition, error) {
	first, last := s.before(mention), s.casts(mention)
	for {
		switch {
		case s.is(last+1, "=", "in"):
			return s.comparison(first, s.after(last+2), first), nil
		case s.is(first-1, "="):
			return s.comparison(s.before(first-2), last, first), nil
		case s.are(last+1, "is", "not", "distinct", "from"):
			return s.comparison(first, s.after(last+5), first), nil
		case s.are(first-4, "is", "not", "distinct", "from"):
			return s.comparison(s.before(first-5), last, first), nil
		}
		group := s.parent[first]
		if group < 0 || s.query(first) == group || s.is(group-1, "in") {
			return nil, nil
		}
		end := s.partner[group]
		if end < 0 { // A piece of SQL.
			return nil, nil
		}
		if isCall := group > 0 && s.tokens[group-1].kind == sqlWord && !s.is(group-1, "and", "or", "where", "on", "not", "when"); !isCall &&
			(first != group+1 || last != end-1) {
			return s.rowCompared(mention, group)
		}
		first, last = s.before(end), s.casts(end)
	}
}

// comparison is the condition from one token to another.
func (s parsedSQL) comparison(first, last, inside int) []Condition {
	if first < 0 || last >= len(s.tokens) {
		return nil
	}
	start, end := s.tokens[first].start, s.tokens[last].end
	return []Condition{s.condition(inside, start, end, "("+s.sql[start:end]+" OR true)")}
}

// condition is what is between two bytes, in the query that a token is in.
func (s parsedSQL) condition(token, start, end int, instead string) Condition {
	return Condition{Text: s.sql[start:end], Instead: instead, start: start, end: end, query: s.query(token)}
}

// rowCompared returns the condition when a mention of the column is in a row that
// is compared with another. The other row's value takes its place.
func (s parsedSQL) rowCompared(mention, row int) ([]Condition, error) {
	var other int
	switch {
	case s.is(s.partner[row]+1, "=") && s.is(s.partner[row]+2, "("):
		other = s.partner[row] + 2
	case s.is(row-1, "=") && s.is(row-2, ")"):
		other = s.partner[row-2]
	case s.is(s.partner[row]+1, "in"):
		return nil, errors.New("a row with IN: compare the owner by itself, so that it can be taken out")
	default:
		return nil, nil
	}
	mine, others := s.list(row+1), s.list(other+1)
	for i, item := range mine {
		if item[0] <= mention && mention <= item[1] && i < len(others) {
			value := s.sql[s.tokens[others[i][0]].start:s.tokens[others[i][1]].end]
			return []Condition{s.condition(mention, s.tokens[item[0]].start, s.tokens[item[1]].end, value+"::text")}, nil
		}
	}
	return nil, errors.New("rows of different sizes")
}

// isInserted reports whether a mention is in the list of columns of an INSERT.
func (s parsedSQL) isInserted(mention int) bool {
	at := s.parent[mention] - 1
	for at > 0 && (s.is(at, ".") || s.tokens[at].kind == sqlWord && !s.is(at, "into")) {
		at--
	}
	return s.is(at, "into") && s.is(at-1, "insert") && !s.is(s.parent[mention]-1, "conflict", "values")
}

// inserted returns the conditions of a column that is inserted: one for each row
// of VALUES, or one for a SELECT. Another value takes its place.
func (s parsedSQL) inserted(mention int) ([]Condition, error) {
	columns := s.parent[mention]
	column := slices.IndexFunc(s.list(columns+1), func(item [2]int) bool { return item[0] == mention })
	var rows []int // The first token of each row.
	switch at := s.partner[columns] + 1; {
	case s.is(at, "select"):
		rows = append(rows, at+1)
	case s.is(at, "values"):
		for at++; s.is(at, "("); at = s.partner[at] + 2 {
			rows = append(rows, at+1)
			if !s.is(s.partner[at]+1, ",") {
				break
			}
		}
	default:
		return nil, errors.New("an INSERT from neither VALUES nor SELECT")
	}
	var found []Condition
	for _, row := range rows {
		values := s.list(row)
		if column < 0 || column >= len(values) {
			return nil, errors.New("an INSERT with fewer values than columns")
		}
		start, end := s.tokens[values[column][0]].start, s.tokens[values[column][1]].end
		found = append(found, s.condition(mention, start, end, "('not ' || ("+s.sql[start:end]+")::text)"))
	}
	return found, nil
}
