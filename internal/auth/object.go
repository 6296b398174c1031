package auth

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// object is a JSON object whose members are not parsed yet. Unlike a struct that
// encoding/json fills, it distinguishes a missing member from null, and names that
// differ only in case.
type object map[string]json.RawMessage

// errNotObject means that bytes are not one JSON object. It quotes nothing, since they
// may be a token's.
var errNotObject = errors.New("not one JSON object in UTF-8 whose members have different names")

// parseObject parses one JSON object with nothing after it. It rejects input that
// parsers read in different ways: duplicate names (RFC 7519 section 4 allows that) and
// text that is not UTF-8, which encoding/json would replace.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errNotObject
	}
	var members object
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, errNotObject
	}
	if len(members) != countMembers(data) {
		return nil, errNotObject
	}
	return members, nil
}

// countMembers returns the number of members of a valid JSON object, duplicates
// included. It counts the colons that are neither in a string nor in a nested value.
func countMembers(data []byte) int {
	count, depth, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++ // An escaped quote ends no string.
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			count++
		}
	}
	return count
}

// text returns a member that is a string. Null is not a string.
func (o object) text(name string) (string, bool) { return textOf(o[name]) }

// texts returns a member that is a string or an array of strings.
func (o object) texts(name string) ([]string, bool) {
	if text, ok := o.text(name); ok {
		return []string{text}, true
	}
	var values []json.RawMessage
	if json.Unmarshal(o[name], &values) != nil {
		return nil, false
	}
	texts := make([]string, 0, len(values))
	for _, value := range values {
		text, ok := textOf(value)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// number returns a member that is a number in float64's range. Null is not a number.
func (o object) number(name string) (float64, bool) {
	var number *float64
	if json.Unmarshal(o[name], &number) != nil || number == nil {
		return 0, false
	}
	return *number, true
}

func textOf(value json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(value, &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}
