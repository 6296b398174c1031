package todo

import (
	"slices"
	"time"
)

// Filter says which todos a list has: those that meet all of it. The zero value is met by
// all.
type Filter struct {
	Words        []string   // In the title or the description, as [SearchWords] returns them.
	AllTags      []string   // As [FoldTags] returns them; nil for any.
	AnyTags      []string   // At least one of these; nil for any.
	Priorities   []Priority // One of these; nil for any.
	DueFrom      string     // The first day, YYYY-MM-DD; empty for no bound.
	DueTo        string     // The last day.
	NoDueDate    bool       // Only those without one.
	UpdatedSince time.Time  // Zero for any time.
}

// IsZero reports whether the filter is met by all todos.
func (f Filter) IsZero() bool {
	return len(f.Words)+len(f.AllTags)+len(f.AnyTags)+len(f.Priorities) == 0 &&
		f.DueFrom == "" && f.DueTo == "" && !f.NoDueDate && f.UpdatedSince.IsZero()
}

// FoldTags returns what [FoldTag] makes of some tags, each once, in a fixed order.
func FoldTags(written []string) []string {
	if len(written) == 0 {
		return nil
	}
	folded := make([]string, len(written))
	for i, tag := range written {
		folded[i] = FoldTag(tag)
	}
	slices.Sort(folded)
	return slices.Compact(folded)
}
