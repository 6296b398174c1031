package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// template is a path template: the segments between its slashes.
type template []segment

// segment is one part of a template: either a literal, which a path's segment
// must equal, or a variable, which takes any value.
type segment struct {
	literal  string
	variable string // The request's field, by its name in the contract.
}

func (s segment) isVariable() bool { return s.variable != "" }

// parseTemplate reads the part of google.api.http's path syntax that is
// served: literals of unreserved characters (RFC 3986 section 2.3), and
// variables of one whole segment.
func parseTemplate(path string) (template, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, errors.New("the path does not start with a slash")
	}
	var t template
	for part := range strings.SplitSeq(rest, "/") {
		s, err := parseSegment(part)
		if err != nil {
			return nil, fmt.Errorf("path segment %q: %w", part, err)
		}
		t = append(t, s)
	}
	return t, nil
}

func parseSegment(part string) (segment, error) {
	if name, ok := strings.CutPrefix(part, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		switch {
		case !ok:
			return segment{}, errors.New("a variable must be a whole segment, with no custom verb behind it")
		case strings.Contains(name, "="):
			return segment{}, errors.New("a variable can't have a pattern of its own; write {name}")
		case strings.Contains(name, "."):
			return segment{}, errors.New("a variable can't name a field within a field")
		case name == "":
			return segment{}, errors.New("the variable has no name")
		}
		return segment{variable: name}, nil
	}
	switch {
	case part == "":
		return segment{}, errors.New("it is empty")
	case part == "." || part == "..":
		return segment{}, errors.New("clients resolve dot segments before they send a path")
	case part == "*" || part == "**":
		return segment{}, errors.New("wildcards are not supported; write {name}")
	case strings.Contains(part, ":"):
		return segment{}, errors.New("custom verbs are not supported")
	case strings.ContainsFunc(part, isReserved):
		return segment{}, errors.New("a literal may have letters, digits, '-', '.', '_' and '~' only")
	}
	return segment{literal: part}, nil
}

// isReserved reports whether a character is not one of RFC 3986's unreserved.
func isReserved(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~", r)
}

// overlaps reports whether some path matches both templates.
func (t template) overlaps(other template) bool {
	if len(t) != len(other) {
		return false
	}
	for i, s := range t {
		if !s.isVariable() && !other[i].isVariable() && s.literal != other[i].literal {
			return false
		}
	}
	return true
}

// narrower reports whether a template that overlaps another is the more
// specific of the two: literals where the other has variables, and nowhere the
// other way round. /a/b is narrower than /a/{id}.
func (t template) narrower(other template) bool {
	narrower := false
	for i, s := range t {
		if s.isVariable() && !other[i].isVariable() {
			return false
		}
		if !s.isVariable() && other[i].isVariable() {
			narrower = true
		}
	}
	return narrower
}

// clashes reports whether some path matches both templates, and neither has
// the better claim to it.
func (t template) clashes(other template) bool {
	return t.overlaps(other) && !t.narrower(other) && !other.narrower(t)
}

// match reports whether the decoded segments of a path are of the template.
func (t template) match(segments []string) bool {
	if len(t) != len(segments) {
		return false
	}
	for i, s := range t {
		if !s.isVariable() && s.literal != segments[i] {
			return false
		}
	}
	return true
}

// splitPath returns the segments of an escaped path, each decoded once, so
// that an escaped slash is part of a value and separates nothing. It returns
// nil when no template can match: the path has an empty or a dot segment, or
// more than depth segments.
func splitPath(escaped string, depth int) []string {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return nil
	}
	// One more than a match can have, rather than as many as a client sends.
	segments := strings.SplitN(rest, "/", depth+1)
	if len(segments) > depth {
		return nil
	}
	for i, part := range segments {
		decoded, err := url.PathUnescape(part)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." {
			return nil
		}
		segments[i] = decoded
	}
	return segments
}
