package main

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// derivedPosition returns the position of a todo for which nobody has chosen one.
func derivedPosition(t *todov1.Todo) string {
	return fmt.Sprintf("M%014x", 1<<56-1-t.GetCreatedAt().AsTime().UnixMicro())
}

// maybe returns one of some texts, or nil.
func (u *modelUser) maybe(texts ...string) *string {
	if u.rand.IntN(3) == 0 {
		return nil
	}
	return &texts[u.rand.IntN(len(texts))]
}

func (u *modelUser) day() string {
	return fmt.Sprintf("2026-%02d-%02d", 1+u.rand.IntN(12), 1+u.rand.IntN(28))
}

func (u *modelUser) minute() string {
	return fmt.Sprintf("%02d:%02d", u.rand.IntN(24), u.rand.IntN(60))
}

func (u *modelUser) zone() string {
	return []string{"Europe/Berlin", "UTC", "America/New_York", "Pacific/Kiritimati"}[u.rand.IntN(4)]
}

// someTags returns some tags, in whatever case, and no two the same.
func (u *modelUser) someTags(most int) []string {
	var tags []string
	for range u.rand.IntN(most + 1) {
		tag := fmt.Sprint("tag é ", u.rand.IntN(26))
		if u.rand.IntN(3) == 0 {
			tag = strings.ToUpper(tag)
		}
		if !slices.ContainsFunc(tags, func(other string) bool { return strings.EqualFold(tag, other) }) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// sorted returns tags in their order.
func sorted(tags []string) []string {
	slices.SortFunc(tags, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return tags
}

// addFields gives a new todo further fields, and says what it is to have of them.
func (u *modelUser) addFields(req *todov1.CreateTodoRequest, want *todov1.Todo) {
	if u.rand.IntN(2) == 0 {
		return
	}
	if u.rand.IntN(2) == 0 {
		req.DueDate = new(u.day())
		req.DueTime = u.maybe("", u.minute())
		if req.GetDueTime() != "" {
			req.DueTimeZone = u.maybe("", u.zone())
		}
	}
	req.Priority = []*todov1.Priority{nil, new(todov1.Priority_PRIORITY_UNSPECIFIED), new(todov1.Priority_PRIORITY_HIGH)}[u.rand.IntN(3)]
	req.Tags = u.someTags(12)
	req.Position = u.maybe("", "a0", "Zz", "b00V")
	for from, to := range map[*string]**string{req.DueDate: &want.DueDate, req.DueTime: &want.DueTime, req.DueTimeZone: &want.DueTimeZone, req.Position: &want.Position} {
		if from != nil && *from != "" {
			*to = from
		}
	}
	if req.GetPriority() != todov1.Priority_PRIORITY_UNSPECIFIED {
		want.Priority = req.Priority
	}
	want.Tags = sorted(slices.Clone(req.GetTags()))
}

// changeFields adds changes of further fields to an update. It says what the todo is to
// have of them then, or that the update is invalid.
func (u *modelUser) changeFields(req *todov1.UpdateTodoRequest, want *todov1.Todo) (isInvalid bool) {
	if u.rand.IntN(2) == 0 {
		return false
	}
	if u.rand.IntN(2) == 0 {
		isInvalid = u.changeDue(req, want)
	}
	if u.rand.IntN(3) == 0 {
		req.Priority = new(todov1.Priority(u.rand.IntN(4)))
		want.Priority = nil
		if *req.Priority != 0 {
			want.Priority = req.Priority
		}
	}
	if u.rand.IntN(3) == 0 {
		if req.Position = u.maybe("", "a1", "Zx"); req.Position != nil {
			want.Position = new(*req.Position)
			if *req.Position == "" {
				want.Position = new(derivedPosition(want))
			}
		}
	}
	if u.rand.IntN(2) == 0 {
		isInvalid = u.changeTags(req, want) || isInvalid
	}
	return isInvalid
}

// changeDue changes parts of a due date.
func (u *modelUser) changeDue(req *todov1.UpdateTodoRequest, want *todov1.Todo) (isInvalid bool) {
	date, time, zone := want.GetDueDate(), want.GetDueTime(), want.GetDueTimeZone()
	if req.DueDate = u.maybe("", u.day(), u.day()); req.DueDate != nil {
		date = *req.DueDate
	}
	if date == "" && req.DueDate != nil {
		time, zone = "", "" // And nothing else is sent: it would be refused whatever the todo has.
	} else {
		if req.DueTime = u.maybe("", u.minute(), u.minute()); req.DueTime != nil {
			time = *req.DueTime
		}
		if time == "" {
			zone = ""
		}
		if req.DueTime == nil || time != "" { // The same.
			req.DueTimeZone = u.maybe("", u.zone(), u.zone())
		}
		if req.DueTimeZone != nil {
			zone = *req.DueTimeZone
		}
	}
	part := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	want.DueDate, want.DueTime, want.DueTimeZone = part(date), part(time), part(zone)
	return time != "" && date == "" || zone != "" && time == ""
}

// changeTags replaces, adds and removes tags.
func (u *modelUser) changeTags(req *todov1.UpdateTodoRequest, want *todov1.Todo) (isInvalid bool) {
	if u.rand.IntN(4) == 0 {
		req.Tags = &todov1.Tags{Values: u.someTags(12)}
		want.Tags = sorted(slices.Clone(req.GetTags().GetValues()))
		return false
	}
	req.AddTags, req.RemoveTags = u.someTags(12), u.someTags(6)
	has := func(tags []string, tag string) bool {
		return slices.ContainsFunc(tags, func(other string) bool { return strings.EqualFold(tag, other) })
	}
	want.Tags = slices.DeleteFunc(want.Tags, func(tag string) bool { return has(req.GetRemoveTags(), tag) })
	for _, tag := range req.GetAddTags() {
		if !has(want.GetTags(), tag) {
			want.Tags = append(want.Tags, tag)
		}
	}
	want.Tags = sorted(want.GetTags())
	return len(want.GetTags()) > 20
}

// isSent reports whether an update names a field.
func isSent(req *todov1.UpdateTodoRequest) bool {
	rest := proto.CloneOf(req)
	rest.Id, rest.Etag = "", nil
	return proto.Size(rest) > 0
}
