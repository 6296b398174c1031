package todo

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxTags is how many tags a todo may have.
const MaxTags = 20

// Tags is a set of tags as they were written, in the order of [FoldTag], by which they
// are compared. [NewTags] makes one; nil is the empty one.
type Tags []string

// NewTags returns the set of some tags. Of those that are the same, the first stays.
func NewTags(written []string) Tags {
	if len(written) == 0 {
		return nil
	}
	byFolded := make(map[string]string, len(written))
	for _, tag := range written {
		folded := FoldTag(tag)
		if _, ok := byFolded[folded]; !ok {
			byFolded[folded] = tag
		}
	}
	return TagsByFolded(byFolded)
}

// TagsByFolded returns the set of tags that are given by what FoldTag makes of them.
func TagsByFolded(byFolded map[string]string) Tags {
	if len(byFolded) == 0 {
		return nil
	}
	keys := make([]string, 0, len(byFolded))
	for folded := range byFolded {
		keys = append(keys, folded)
	}
	slices.Sort(keys)
	for i, folded := range keys {
		keys[i] = byFolded[folded]
	}
	return keys
}

// ByFolded returns the tags by what FoldTag makes of them.
func (t Tags) ByFolded() map[string]string {
	byFolded := make(map[string]string, len(t))
	for _, tag := range t {
		byFolded[FoldTag(tag)] = tag
	}
	return byFolded
}

// FoldTag returns what a tag is compared by: tags are the same when they differ only in
// case, or in how Unicode encodes their characters.
func FoldTag(tag string) string {
	if isFolded(tag) {
		return tag
	}
	folded := cases.Fold().String(strings.Map(lowerCherokee, norm.NFC.String(tag)))
	return norm.NFC.String(folded) // Folding may leave a letter and its mark apart.
}

// lowerCherokee returns a letter of Cherokee in lower case. [cases.Fold] makes small ones
// of capital ones, and the other way around, which folds none.
func lowerCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToLower(r)
	}
	return r
}

// isFolded reports whether a tag has only ASCII characters without capital letters.
func isFolded(tag string) bool {
	return strings.IndexFunc(tag, func(r rune) bool { return r > '~' || 'A' <= r && r <= 'Z' }) < 0
}

// TagsChange says what an update makes of tags: it replaces them, or it removes some and
// then adds some.
type TagsChange struct {
	Replace *Tags // nil keeps what is there.
	Remove  Tags
	Add     Tags // A tag that is there stays as it is written.
}

// IsZero reports whether the change leaves all as it is.
func (c TagsChange) IsZero() bool { return c.Replace == nil && len(c.Remove) == 0 && len(c.Add) == 0 }

// Merge returns what the change makes of tags. It fails with a [FieldError] when those are
// more than MaxTags.
func (c TagsChange) Merge(tags Tags) (Tags, error) {
	if c.Replace != nil {
		tags = *c.Replace
	}
	merged := tags.ByFolded()
	for _, tag := range c.Remove {
		delete(merged, FoldTag(tag))
	}
	for _, tag := range c.Add {
		folded := FoldTag(tag)
		if _, ok := merged[folded]; !ok {
			merged[folded] = tag
		}
	}
	if len(merged) > MaxTags {
		return nil, &FieldError{Field: FieldAddTags, Rule: "tags.max_items", Fault: "the todo would have more than 20 tags"}
	}
	return TagsByFolded(merged), nil
}
