package sqlowner

import "strings"

// sqlToken is a token of SQL.
type sqlToken struct {
	kind       sqlKind
	text       string // Of words, in lower case unless quoted.
	start, end int    // Where it is, in bytes.
}

type sqlKind int

const (
	sqlWord     sqlKind = iota // A keyword or a name.
	sqlValue                   // A parameter, a number or a text.
	sqlOperator                // One or more of PostgreSQL's operator characters, or ::.
	sqlMark                    // One of ()[],.;:
)

// tokenize splits SQL into tokens, as PostgreSQL does (its manual, section 4.1),
// without white space and comments. It takes what is not SQL as well: a program
// has other texts.
func tokenize(sql string) []sqlToken {
	var tokens []sqlToken
	for at := 0; at < len(sql); {
		kind, n := nextToken(sql[at:])
		if n < 0 { // White space, or a comment.
			at -= n
			continue
		}
		text := sql[at : at+n]
		switch {
		case kind == sqlWord && text[0] == '"':
			text = strings.ReplaceAll(strings.Trim(text, `"`), `""`, `"`)
		case kind == sqlWord:
			text = strings.ToLower(text)
		}
		tokens = append(tokens, sqlToken{kind, text, at, at + n})
		at += n
	}
	return tokens
}

// nextToken returns the kind and the length of the token at the start of SQL
// that isn't empty, or the length of what is no token as a negative number.
func nextToken(sql string) (kind sqlKind, n int) {
	c := sql[0]
	switch {
	case strings.HasPrefix(sql, "--"):
		return 0, -through(sql, "--", "\n")
	case strings.HasPrefix(sql, "/*"):
		return 0, -through(sql, "/*", "*/")
	case c == '"':
		return sqlWord, through(sql, `"`, `"`)
	case c == '\'':
		return sqlValue, through(sql, "'", "'") // A doubled quote makes two texts of one, which changes nothing here.
	case c == '$':
		if tag := sql[:1+span(sql[1:], isWordByte)]; strings.HasPrefix(sql[len(tag):], "$") {
			return sqlValue, through(sql, tag+"$", tag+"$")
		}
		return sqlValue, 1 + span(sql[1:], isWordByte)
	case isWordByte(c) && (c < '0' || c > '9'):
		return sqlWord, span(sql, func(c byte) bool { return isWordByte(c) || c == '$' })
	case isWordByte(c):
		return sqlValue, span(sql, isWordByte)
	case strings.HasPrefix(sql, "::"):
		return sqlOperator, 2
	case isOperatorByte(c):
		return sqlOperator, span(sql, isOperatorByte)
	case c <= ' ':
		return 0, -1
	}
	return sqlMark, 1
}

// through returns the length of what begins with one text and ends with another,
// or with the SQL.
func through(sql, begin, end string) int {
	if n := strings.Index(sql[len(begin):], end); n >= 0 {
		return len(begin) + n + len(end)
	}
	return len(sql)
}

// span returns how many bytes at the start are such.
func span(sql string, is func(byte) bool) int {
	n := 0
	for n < len(sql) && is(sql[n]) {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

func isOperatorByte(c byte) bool { return strings.IndexByte("+-*/<>=~!@#%^&|`?", c) >= 0 }
