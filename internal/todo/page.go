package todo

import "time"

// The number of todos on a page: what a query that names none gets, and the
// most that any gets.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Query chooses a page of an owner's todos, newest first.
type Query struct {
	IsCompleted *bool   // nil for both.
	After       *Cursor // nil for the first page.
	Size        int     // 0 for DefaultPageSize; more than MaxPageSize means that.
}

// sized returns the query with the size that it will be answered with.
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

// Cursor is a place in the list of an owner's todos: after the todo that has,
// or had, this time and id. That todo need not exist any more, nor ever have
// been the reader's: a cursor carries no right to anything.
type Cursor struct {
	CreatedAt time.Time
	ID        ID
}
