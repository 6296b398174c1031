package rpc

import (
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// appendTodo appends a todo, of which there may be hundreds in a response, most of them
// without most of their fields. To follow the descriptor instead takes three times as
// long. It reports false when a value can't be expressed in JSON. A test holds it against
// protojson, with every field of the contract.
func appendTodo(dst []byte, t *todov1.Todo) (written []byte, ok bool) {
	w := todoWriter{dst: append(dst, '{'), ok: true}
	w.text(`"id":`, &t.Id)
	w.text(`,"title":`, &t.Title)
	w.text(`,"description":`, t.Description)
	w.dst = strconv.AppendBool(append(w.dst, `,"isCompleted":`...), t.GetIsCompleted())
	w.time(`,"createdAt":`, t.GetCreatedAt())
	w.time(`,"updatedAt":`, t.GetUpdatedAt())
	w.text(`,"etag":`, t.Etag)
	w.time(`,"deletedAt":`, t.GetDeletedAt())
	w.time(`,"purgeTime":`, t.GetPurgeTime())
	if t.Purged != nil {
		w.dst = strconv.AppendBool(append(w.dst, `,"purged":`...), t.GetPurged())
	}
	w.time(`,"completedAt":`, t.GetCompletedAt())
	w.text(`,"dueDate":`, t.DueDate)
	w.text(`,"dueTime":`, t.DueTime)
	w.text(`,"dueTimeZone":`, t.DueTimeZone)
	if t.Priority != nil {
		w.priority(t.GetPriority())
	}
	w.dst = append(w.dst, `,"tags":[`...)
	for i, tag := range t.GetTags() {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.text("", &tag)
	}
	w.dst = append(w.dst, ']')
	w.text(`,"position":`, t.Position)
	return append(w.dst, '}'), w.ok
}

// todoWriter appends the members of a todo.
type todoWriter struct {
	dst []byte
	ok  bool
}

// text appends a text under a name, unless it is absent.
func (w *todoWriter) text(name string, text *string) {
	if text == nil {
		return
	}
	w.ok = w.ok && utf8.ValidString(*text)
	w.dst = appendString(append(w.dst, name...), *text)
}

// time appends a time under a name, unless it is absent.
func (w *todoWriter) time(name string, at *timestamppb.Timestamp) {
	if at == nil {
		return
	}
	var isTime bool
	w.dst, isTime = appendTime(append(w.dst, name...), at)
	w.ok = w.ok && isTime
}

// priority appends a priority by its name, or by its number when it has none.
func (w *todoWriter) priority(p todov1.Priority) {
	w.dst = append(w.dst, `,"priority":`...)
	if name, ok := todov1.Priority_name[int32(p)]; ok {
		w.dst = append(append(append(w.dst, '"'), name...), '"')
	} else {
		w.dst = strconv.AppendInt(w.dst, int64(p), 10)
	}
}
