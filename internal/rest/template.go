package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// template is a path template: the segments between slashes, and the custom verb after
// the last one (AIP-136). /a/{id}:undelete has the verb undelete.
type template struct {
	segments []segment
	verb     string // Empty for none.
}

// segment is one part of a template: either a literal, which a path's segment
// must equal, or a variable, which takes any value.
type segment struct {
	literal  string
	variable string // The request's field, by its name in the contract.
}

func (s segment) isVariable() bool { return s.variable != "" }

// parseTemplate parses the served subset of google.api.http's path syntax: literals of
// unreserved characters (RFC 3986 section 2.3), variables of one whole segment, and a
// custom verb.
func parseTemplate(path string) (template, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return template{}, errors.New("the path does not start with a slash")
	}
	var t template
	// A variable has no colon in the subset, so the first one begins the verb.
	if rest, t.verb, ok = strings.Cut(rest, ":"); ok {
		switch {
		case strings.Contains(t.verb, "/"):
			return template{}, errors.New("a custom verb must end the path")
		case t.verb == "":
			return template{}, errors.New("the custom verb is empty")
		case strings.ContainsFunc(t.verb, isReserved):
			return template{}, fmt.Errorf("custom verb %q: %w", t.verb, errReserved)
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		s, err := parseSegment(part)
		if err != nil {
			return template{}, fmt.Errorf("path segment %q: %w", part, err)
		}
		t.segments = append(t.segments, s)
	}
	return t, nil
}

// errReserved says which characters a literal or a custom verb may have.
var errReserved = errors.New("it may have letters, digits, '-', '.', '_' and '~' only")

func parseSegment(part string) (segment, error) {
	if name, ok := strings.CutPrefix(part, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		switch {
		case !ok:
			return segment{}, errors.New("a variable must be a whole segment")
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
	case strings.ContainsFunc(part, isReserved):
		return segment{}, errReserved
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
	if len(t.segments) != len(other.segments) || t.verb != other.verb {
		return false
	}
	for i, s := range t.segments {
		if o := other.segments[i]; !s.isVariable() && !o.isVariable() && s.literal != o.literal {
			return false
		}
	}
	return true
}

// narrower reports whether a template is more specific than another one that it
// overlaps: somewhere it has a literal where the other has a variable, and nowhere the
// reverse. /a/b is narrower than /a/{id}.
func (t template) narrower(other template) bool {
	narrower := false
	for i, s := range t.segments {
		if s.isVariable() && !other.segments[i].isVariable() {
			return false
		}
		if !s.isVariable() && other.segments[i].isVariable() {
			narrower = true
		}
	}
	return narrower
}

// clashes reports whether some path matches both templates and neither is narrower.
func (t template) clashes(other template) bool {
	return t.overlaps(other) && !t.narrower(other) && !other.narrower(t)
}

// match reports whether a path matches the template.
func (t template) match(p path) bool {
	if len(t.segments) != len(p.segments) || t.verb != p.verb {
		return false
	}
	for i, s := range t.segments {
		if !s.isVariable() && s.literal != p.segments[i] {
			return false
		}
	}
	return true
}

// path is a request's path, split like a template.
type path struct {
	segments []string // Decoded. Empty when no template can match.
	verb     string   // Decoded; empty for none.
}

// splitPath splits an escaped path and then decodes its parts, so that an escaped slash
// or colon belongs to a value. A bare colon in the last segment always begins a custom
// verb, whether or not a template has that verb. So a path means the same when verbs are
// added.
//
// The result has no segments when no template can match: the path has an empty or a dot
// segment, more than depth segments, or a colon without a verb after it.
func splitPath(escaped string, depth int) path {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return path{}
	}
	// One more than a match can have; a client may send any number.
	segments := strings.SplitN(rest, "/", depth+1)
	if len(segments) > depth {
		return path{}
	}
	var p path
	last := &segments[len(segments)-1]
	if value, verb, found := strings.Cut(*last, ":"); found {
		*last = value
		if p.verb, ok = decode(verb); !ok {
			return path{}
		}
	}
	for i, part := range segments {
		if segments[i], ok = decode(part); !ok {
			return path{}
		}
	}
	p.segments = segments
	return p
}

// decode decodes a segment or a verb. It reports false when no template can match it.
func decode(part string) (decoded string, ok bool) {
	decoded, err := url.PathUnescape(part)
	return decoded, err == nil && decoded != "" && decoded != "." && decoded != ".."
}
