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

// Query chooses a page of an owner's todos, newest first.
type Query struct {
	IsCompleted *bool   // nil for both.
	After       *Cursor // nil for the first page.
	Size        int     // 0 for DefaultPageSize; more than MaxPageSize means that.
}

// sized returns the query with the default for a missing size, and a too large one cut.
func (q Query) sized() Query {
	if q.Size <= 0 {
		q.Size = DefaultPageSize
	}
	q.Size = min(q.Size, MaxPageSize)
	return q
}

// Page is one page of an owner's todos, newest first.
type Page struct {
	Todos []Todo
	Next  *Cursor // nil on the last page, and only there.
}

// bounded returns the page, or its beginning when its texts exceed MaxPageBytes.
func (p Page) bounded() Page {
	total := 0
	for _, t := range p.Todos {
		total += t.textBytes(func(text string) int { return len(text) })
	}
	if total <= MaxPageBytes/maxBytesPerByte {
		return p // Nearly always, and cheaper than WireBytes, which visits each byte.
	}
	total = 0
	for i, t := range p.Todos {
		total += t.textBytes(WireBytes)
		if total > MaxPageBytes && i > 0 {
			last := p.Todos[i-1]
			return Page{Todos: p.Todos[:i], Next: &Cursor{CreatedAt: last.CreatedAt, ID: last.ID}}
		}
	}
	return p
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

// Cursor is a position in the list of an owner's todos: after the todo with this time
// and id. The todo may be deleted, or another user's: a cursor grants no access.
type Cursor struct {
	CreatedAt time.Time
	ID        ID
}
