package todo

// SyncPosition is how far a client knows the changes of an owner's todos. Changes are
// in the order of (revision, id).
type SyncPosition struct {
	// Epoch is the account's. Another one means that revisions of before are worth
	// nothing, as after a restore of the database.
	Epoch int32
	// Revision and ID are those of the last todo that the client was given, or the
	// account's revision and the last ID when it was given all.
	Revision int64
	ID       ID
	// Start is the account's revision when the client began with the first todo. Todos
	// that were forgotten before then are not in the client's copy, so they are no reason
	// for a reset.
	Start int64
}

// Changes is a page of an owner's todos in the order in which they were changed last,
// deleted ones among them.
type Changes struct {
	Todos   []Todo
	Next    SyncPosition // Where the next page begins.
	HasMore bool         // Whether there is a next page now.
	IsReset bool         // Whether the position was void, so that this is a first page.
}

// bounded returns the page, or its beginning when its texts exceed MaxPageBytes.
func (c Changes) bounded() Changes {
	if n := withinPageBytes(c.Todos); n < len(c.Todos) {
		last := c.Todos[n-1]
		c.Todos, c.HasMore = c.Todos[:n], true
		c.Next.Revision, c.Next.ID = last.Revision, last.ID
	}
	return c
}

// Head is how far an account is.
type Head struct {
	Epoch    int32
	Revision int64
}
