package sqlowner

import "slices"

// parsedSQL is a statement, or a piece of one.
type parsedSQL struct {
	sql     string
	tokens  []sqlToken
	partner []int // Of each parenthesis the other one; -1 for other tokens.
	parent  []int // Of each token the parenthesis that it is in; -1 for none.
}

func parseSQL(sql string) parsedSQL {
	s := parsedSQL{sql: sql, tokens: tokenize(sql)}
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
func (s parsedSQL) is(i int, texts ...string) bool {
	return i >= 0 && i < len(s.tokens) && s.tokens[i].kind != sqlValue && slices.Contains(texts, s.tokens[i].text)
}

// isStatement reports whether it is a whole statement, rather than a piece of
// one or no SQL at all.
func (s parsedSQL) isStatement() bool {
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
func (s parsedSQL) query(i int) int {
	for i = s.parent[i]; i >= 0; i = s.parent[i] {
		if s.is(i+1, "select", "with", "insert", "update", "delete", "merge", "values", "table") {
			return i
		}
	}
	return -1
}

// list returns the first and the last tokens of a list's items, which begins at a
// token and ends with its parenthesis, or where the expressions of a SELECT do.
func (s parsedSQL) list(begin int) (items [][2]int) {
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
func (s parsedSQL) are(i int, words ...string) bool {
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
func (s parsedSQL) after(i int) int {
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
func (s parsedSQL) casts(i int) int {
	for s.is(i+1, "::") {
		i += 2
		for s.is(i+1, "[", "]", ".") || s.is(i, ".") {
			i++
		}
	}
	return i
}

// before returns the first token of the operand that ends with a token.
func (s parsedSQL) before(i int) int {
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
