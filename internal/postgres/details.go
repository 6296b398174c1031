package postgres

import (
	"encoding/json"

	"github.com/jackc/pgx/v5/pgtype"

	"example.com/todo-backend/internal/todo"
)

// dueAtParam returns the instant of a due date as an argument, NULL without a zone. It
// fails with a [todo.FieldError].
func dueAtParam(due todo.Due) (pgtype.Timestamptz, error) {
	at, err := due.At()
	if err != nil || due.Zone == "" {
		return pgtype.Timestamptz{}, err
	}
	return timeParam(at), nil
}

// tagsParam returns tags as the text of an argument that is a JSON object: by their folded
// form, as they were written.
func tagsParam(tags todo.Tags) string {
	if len(tags) == 0 {
		return "{}"
	}
	text, err := json.Marshal(tags.ByFolded())
	if err != nil {
		panic(err) // A map of strings always has a JSON form.
	}
	return string(text)
}

// replacedTagsParam returns the tags that replace others, NULL for none that do.
func replacedTagsParam(change todo.TagsChange) *string {
	if change.Replace == nil {
		return nil
	}
	return new(tagsParam(*change.Replace))
}
