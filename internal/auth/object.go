package auth

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// object is a JSON object whose members were not looked at yet. In contrast to
// a struct that encoding/json fills, it tells a member that is missing from one
// that is null, and one name from another that differs in case only.
type object map[string]json.RawMessage

// errNotObject says that bytes are not one JSON object. It says nothing of
// their content, since it may be a token's.
var errNotObject = errors.New("not one JSON object in UTF-8 whose members have different names")

// parseObject reads one JSON object and nothing after it. It refuses what
// readers disagree on: a name that occurs twice (RFC 7519 section 4 lets us)
// and text that is not UTF-8, which encoding/json would replace.
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

// countMembers returns how many members a valid JSON object has, with those that
// encoding/json lets later ones of the same name replace: one per colon that is
// neither in a string nor in a value.
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

// text returns a member that is a string. Null is none.
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

// number returns a member that is a number of float64's range. Null is none.
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
