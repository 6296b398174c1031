package todo

import "time"

// The number of todos on a page: the default, and the largest.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// MaxPageBytes is how many bytes the texts of a page with more than one todo may have
// on the wire. 200 todos with a kilobyte of text each fit. 200 of the longest would
// be 3 MB, which the service holds until they are read.
const MaxPageBytes = 256 << 10

// Query chooses a page of an owner's todos, or of their trash.
type Query struct {
	IsCompleted *bool // nil for both.
	InTrash     bool  // The trash instead, what was deleted last first, whatever the Order.
	Filter      Filter
	Order       Order
	Zone        *Zone   // Of the user, for the Filter's days and the Order by due date; nil for UTC.
	After       *Cursor // nil for the first page.
	Size        int     // 0 for DefaultPageSize; more than MaxPageSize means that.
}

// IsPlain reports whether a page is read off an index, so that it costs the same wherever
// it is.
func (q Query) IsPlain() bool {
	return q.Filter.IsZero() && (q.InTrash || q.Order == ByCreation)
}

// sized returns the query with the default for a missing size, and a too large one cut.
func (q Query) sized() Query {
	if q.Size <= 0 {
		q.Size = DefaultPageSize
	}
	q.Size = min(q.Size, MaxPageSize)
	return q
}

// Page is one page of an owner's todos.
type Page struct {
	Todos   []Todo
	Cursors []Cursor // After each todo; nil when the query is plain, as they follow from the todos then.
	Next    *Cursor  // nil on the last page, and only there.
}

// bounded returns the page, or its beginning when its texts exceed MaxPageBytes.
func (p Page) bounded(query Query) Page {
	n := withinPageBytes(p.Todos)
	switch {
	case n == len(p.Todos):
		return p
	case p.Cursors != nil:
		return Page{Todos: p.Todos[:n], Cursors: p.Cursors[:n], Next: &p.Cursors[n-1]}
	}
	return Page{Todos: p.Todos[:n], Next: query.CursorAfter(p.Todos[n-1])}
}

// withinPageBytes returns how many of the todos, at least one, have texts of no more
// than MaxPageBytes.
func withinPageBytes(todos []Todo) int {
	total := 0
	for _, t := range todos {
		total += t.textBytes(func(text string) int { return len(text) })
	}
	if total <= MaxPageBytes/maxBytesPerByte {
		return len(todos) // Nearly always, and cheaper than WireBytes, which visits each byte.
	}
	total = 0
	for i, t := range todos {
		total += t.textBytes(WireBytes)
		if total > MaxPageBytes && i > 0 {
			return i
		}
	}
	return len(todos)
}

// maxBytesPerByte is how many bytes one byte of text may become on the wire.
const maxBytesPerByte = len(`\u0000`)

// WireBytes returns how many bytes a text has on the wire at most. JSON is the longest
// encoding, since it escapes control characters, quotes and backslashes.
func WireBytes(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ':
			n += maxBytesPerByte - 1
		case c == '"', c == '\\':
			n++
		}
	}
	return n
}

// Cursor is a position in a list of an owner's todos: after the todo with this place in
// the list's order. The todo may be deleted, or another user's: a cursor grants no access.
type Cursor struct {
	At       time.Time // Of the creation, the last change, or when it is due; in the trash, of the deletion. Zero by position.
	Priority Priority  // In the order of priorities.
	Position string    // In the order of positions.
	ID       ID
}

// CursorAfter returns the position after a todo in the list of a plain query.
func (q Query) CursorAfter(t Todo) *Cursor {
	if q.InTrash {
		return &Cursor{At: t.DeletedAt, ID: t.ID}
	}
	return &Cursor{At: t.CreatedAt, ID: t.ID}
}
