package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	ownerColumn = "user_id"
	todoTable   = "todo"
)

// ownerCondition is a place of a statement that ties it to an owner: a
// comparison of user_id, or the user_id of a row that is inserted.
type ownerCondition struct {
	query      int    // The query that has it; see sqlStatement.query.
	start, end int    // What is to be replaced to take it out, in bytes,
	after      string // and by what. The statement stays valid, with the same parameters.
}

// sqlStatement is a statement, or a piece of one.
type sqlStatement struct {
	sql     string
	tokens  []sqlToken
	partner []int // Of each parenthesis the other one; -1 for other tokens.
	parent  []int // Of each token the parenthesis that it is in; -1 for none.
}

func parseSQL(sql string) sqlStatement {
	s := sqlStatement{sql: sql, tokens: tokenize(sql)}
	s.partner, s.parent = make([]int, len(s.tokens)), make([]int, len(s.tokens))
	open := []int{-1}
	for i, token := range s.tokens {
		s.partner[i], s.parent[i] = -1, open[len(open)-1]
		switch {
		case token.kind == sqlMark && token.text == "(":
			open = append(open, i)
		case token.kind == sqlMark && token.text == ")" && len(open) > 1:
			begin := open[len(open)-1]
			open = open[:len(open)-1]
			s.partner[begin], s.partner[i], s.parent[i] = i, begin, open[len(open)-1]
		}
	}
	return s
}

// is reports whether a token is one of these words, operators or marks.
func (s sqlStatement) is(i int, texts ...string) bool {
	return i >= 0 && i < len(s.tokens) && s.tokens[i].kind != sqlValue && slices.Contains(texts, s.tokens[i].text)
}

// isStatement reports whether it is a whole statement, rather than a piece of
// one or no SQL at all.
func (s sqlStatement) isStatement() bool {
	switch {
	case s.is(0, "select", "with", "truncate", "table", "copy", "lock", "values"):
		return len(s.tokens) > 1
	case s.is(0, "insert", "merge"):
		return s.is(1, "into")
	case s.is(0, "delete"):
		return s.is(1, "from")
	case s.is(0, "update"):
		return slices.ContainsFunc(s.tokens, func(t sqlToken) bool { return t.kind == sqlWord && t.text == "set" })
	}
	return false
}

// query returns the parenthesis that begins the innermost query that a token is
// in, or -1 for that of the whole statement.
func (s sqlStatement) query(i int) int {
	for i = s.parent[i]; i >= 0; i = s.parent[i] {
		if s.is(i+1, "select", "with", "insert", "update", "delete", "merge", "values", "table") {
			return i
		}
	}
	return -1
}

// untied returns the queries that name the table of todos more often than they
// are tied to an owner.
func (s sqlStatement) untied(conditions []ownerCondition) []string {
	ties := make(map[int]int)
	for i := range s.tokens {
		if s.is(i, todoTable) && !s.is(i+1, ".") && !s.is(i-1, "as", "of") {
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

// conditions returns the places that tie a statement to an owner, in their order.
func (s sqlStatement) conditions() ([]ownerCondition, error) {
	var found []ownerCondition
	for i := range s.tokens {
		if !s.is(i, ownerColumn) || s.is(i+1, ".") {
			continue
		}
		if s.is(s.parent[i]-1, "using") {
			return nil, fmt.Errorf("USING (%s): write the condition after ON, where it can be taken out", ownerColumn)
		}
		var here []ownerCondition
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
func (s sqlStatement) compared(mention int) ([]ownerCondition, error) {
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
func (s sqlStatement) comparison(first, last, inside int) []ownerCondition {
	if first < 0 || last >= len(s.tokens) {
		return nil
	}
	start, end := s.tokens[first].start, s.tokens[last].end
	return []ownerCondition{{s.query(inside), start, end, "(" + s.sql[start:end] + " OR true)"}}
}

// rowCompared returns the condition when a mention of the column is in a row that
// is compared with another. The other row's value takes its place.
func (s sqlStatement) rowCompared(mention, row int) ([]ownerCondition, error) {
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
			return []ownerCondition{{s.query(mention), s.tokens[item[0]].start, s.tokens[item[1]].end, value + "::text"}}, nil
		}
	}
	return nil, errors.New("rows of different sizes")
}

// isInserted reports whether a mention is in the list of columns of an INSERT.
func (s sqlStatement) isInserted(mention int) bool {
	at := s.parent[mention] - 1
	for at > 0 && (s.is(at, ".") || s.tokens[at].kind == sqlWord && !s.is(at, "into")) {
		at--
	}
	return s.is(at, "into") && s.is(at-1, "insert") && !s.is(s.parent[mention]-1, "conflict", "values")
}

// inserted returns the conditions of a column that is inserted: one for each row
// of VALUES, or one for a SELECT. Another value takes its place.
func (s sqlStatement) inserted(mention int) ([]ownerCondition, error) {
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
	var found []ownerCondition
	for _, row := range rows {
		values := s.list(row)
		if column < 0 || column >= len(values) {
			return nil, errors.New("an INSERT with fewer values than columns")
		}
		start, end := s.tokens[values[column][0]].start, s.tokens[values[column][1]].end
		found = append(found, ownerCondition{s.query(mention), start, end, "('not ' || (" + s.sql[start:end] + ")::text)"})
	}
	return found, nil
}

// list returns the first and the last tokens of a list's items, which begins at a
// token and ends with its parenthesis, or where the expressions of a SELECT do.
func (s sqlStatement) list(begin int) (items [][2]int) {
	from := begin
	i := begin
	for ; i < len(s.tokens); i++ {
		if s.is(i, ")") || s.is(i, "from", "where", "on", "returning", "union", "group", "order", "limit") {
			break
		}
		if s.is(i, ",") {
			items, from = append(items, [2]int{from, i - 1}), i+1
		} else if s.is(i, "(") && s.partner[i] > i {
			i = s.partner[i]
		}
	}
	return append(items, [2]int{from, i - 1})
}

// are reports whether tokens are these words.
func (s sqlStatement) are(i int, words ...string) bool {
	for n, word := range words {
		if !s.is(i+n, word) {
			return false
		}
	}
	return true
}

// after returns the last token of the operand that begins with a token: a value,
// a name with what it is qualified by, a call, or something in parentheses, and
// its casts.
func (s sqlStatement) after(i int) int {
	for s.is(i+1, ".") {
		i += 2
	}
	if s.is(i+1, "(") && s.tokens[i].kind == sqlWord {
		i++
	}
	if s.is(i, "(") && s.partner[i] > i {
		i = s.partner[i]
	}
	return s.casts(i)
}

// casts returns the last token of the casts behind a token, or the token.
func (s sqlStatement) casts(i int) int {
	for s.is(i+1, "::") {
		i += 2
		for s.is(i+1, "[", "]", ".") || s.is(i, ".") {
			i++
		}
	}
	return i
}

// before returns the first token of the operand that ends with a token.
func (s sqlStatement) before(i int) int {
	for {
		if s.is(i, ")") && s.partner[i] >= 0 {
			i = s.partner[i]
			if i > 0 && s.tokens[i-1].kind == sqlWord && !s.is(i-1, "and", "or", "where", "on", "not", "when") {
				i--
			}
		}
		switch {
		case s.is(i-1, "."):
			i -= 2
		case s.is(i-1, "::"): // The token is a type.
			i -= 2
		default:
			return i
		}
	}
}
