package rpc

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

// message converts a todo. The owner is not part of the message.
func message(t todo.Todo) *todov1.Todo { return new(messageParts).assemble(t) }

// messages converts a page's todos.
func messages(todos []todo.Todo) []*todov1.Todo {
	msgs, parts := make([]*todov1.Todo, len(todos)), make([]messageParts, len(todos))
	for i, t := range todos {
		msgs[i] = parts[i].assemble(t)
	}
	return msgs
}

// messageParts is a todo's message and what it points to. A page allocates one
// slice of them: for 20 todos that saves 79 allocations and 3 µs, 3 % of the call's
// CPU time.
type messageParts struct {
	todo                        todov1.Todo
	description, etag, position string
	createdAt, updatedAt        timestamppb.Timestamp
}

// dueParts is what the message of a todo that is due has besides.
type dueParts struct{ date, time, zone string }

// deletionParts is what the message of a deleted todo has besides. It is allocated for
// deleted todos only.
type deletionParts struct {
	deletedAt, purgeTime timestamppb.Timestamp
	purged               bool
}

// assemble fills the message with a todo.
func (p *messageParts) assemble(t todo.Todo) *todov1.Todo {
	p.todo.Title, p.todo.IsCompleted = t.Title, t.IsCompleted
	p.setIdentifiers(t)
	if t.Description != "" {
		p.description = t.Description
		p.todo.Description = &p.description
	}
	p.todo.CreatedAt = setTime(&p.createdAt, t.CreatedAt)
	p.todo.UpdatedAt = setTime(&p.updatedAt, t.UpdatedAt)
	if !t.CompletedAt.IsZero() {
		p.todo.CompletedAt = setTime(new(timestamppb.Timestamp), t.CompletedAt)
	}
	if t.Due.Date != "" {
		p.setDue(t.Due)
	}
	if t.Priority != todo.NoPriority {
		p.todo.Priority = todov1.Priority(t.Priority).Enum()
	}
	p.todo.Tags = t.Tags
	if !t.DeletedAt.IsZero() {
		d := &deletionParts{purged: t.IsPurged}
		p.todo.DeletedAt = setTime(&d.deletedAt, t.DeletedAt)
		p.todo.PurgeTime = setTime(&d.purgeTime, t.PurgeAt)
		if t.IsPurged {
			p.todo.Purged = &d.purged
		}
	}
	return &p.todo
}

// setIdentifiers makes the id, the etag and the position of one string, since each would
// be an allocation.
func (p *messageParts) setIdentifiers(t todo.Todo) {
	var buffer [todo.IDLength + etagLength + todo.PositionLength]byte
	all := t.ID.Append(buffer[:0])
	if t.Version.Valid {
		all = appendEtag(all, t.ID, t.Version)
	}
	etagEnd := len(all)
	text := string(t.AppendPosition(all))
	p.todo.Id = text[:todo.IDLength]
	if t.Version.Valid {
		p.etag = text[todo.IDLength:etagEnd]
		p.todo.Etag = &p.etag
	}
	if !t.IsPurged {
		p.position = text[etagEnd:]
		p.todo.Position = &p.position
	}
}

// setDue sets the parts of a due date that are there.
func (p *messageParts) setDue(due todo.Due) {
	d := &dueParts{date: due.Date, time: due.Time, zone: due.Zone}
	p.todo.DueDate = &d.date
	if d.time != "" {
		p.todo.DueTime = &d.time
	}
	if d.zone != "" {
		p.todo.DueTimeZone = &d.zone
	}
}

// textBytes returns how many bytes the texts of a todo's message have, each as a
// function says.
func textBytes(t *todov1.Todo, bytes func(string) int) int {
	n := bytes(t.GetTitle()) + bytes(t.GetDescription()) + bytes(t.GetPosition())
	if t.DueDate != nil {
		n += bytes(t.GetDueDate()) + bytes(t.GetDueTime()) + bytes(t.GetDueTimeZone())
	}
	for _, tag := range t.GetTags() {
		n += bytes(tag) + len(`"",`)
	}
	return n
}

// setTime sets a timestamp. A time outside of a timestamp's range becomes the
// nearest within it.
func setTime(ts *timestamppb.Timestamp, at time.Time) *timestamppb.Timestamp {
	if !todo.IsTime(at) {
		if at.Unix() < 0 {
			at = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
		} else {
			at = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
		}
	}
	ts.Seconds, ts.Nanos = at.Unix(), int32(at.Nanosecond()) //nolint:gosec // below a billion
	return ts
}
