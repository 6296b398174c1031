package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// fieldRules returns values of the fields of creates and updates, as the JSON of the
// members, with the field and the rule that each breaks; "" for those that break none.
func fieldRules() map[string][]string {
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("tag ", i))
	}
	refused := func(field, rule string, format string, values ...string) (members []string, broken string) {
		for _, value := range values {
			members = append(members, fmt.Sprintf(format, value))
		}
		return members, field + " " + rule
	}
	rules := make(map[string][]string)
	add := func(members []string, broken string) { rules[broken] = append(rules[broken], members...) }
	add(refused("due_date", "calendar_date", `"dueDate":%q`, "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32",
		"0000-01-01", "0000-02-29", "2026-1-1", "26-01-01", "20260101", "2026-01-01T00:00:00Z", "+2026-01-01", "12026-01-01", "2026/01/01", " 2026-01-01", "2026-01-01 ", "2026-01-01\n", "today", "٢٠٢٦-01-01"))
	add(refused("due_time", "time_of_day", `"dueDate":"2026-01-01","dueTime":%q`, "24:00", "9:00", "09:60", "09:00:00", "0900", "09:00Z", "09:00 ", "noon", "09:00\n"))
	add(refused("due_time_zone", "zone_name", `"dueDate":"2026-01-01","dueTime":"09:00","dueTimeZone":%q`, "Europe/Berlin ", "Europe Berlin", "Ä", strings.Repeat("a", 65), ".", "../UTC", "UTC\n"))
	// Only the service knows the zones.
	add(refused("due_time_zone", "zone_name.known", `"dueDate":"2026-01-01","dueTime":"09:00","dueTimeZone":%q`, "Mars/Olympus", "Local", "europe/berlin", "CEST", "+01-00", "localtime"))
	add(refused("priority", "enum.defined_only", `"priority":%s`, "4", "-1"))
	add(refused("position", "fractional_index", `"position":%q`, "a", "A00000000000000000000000000", "a00", "a0V0", "a0-", "0", "z", "a 0", "aé", "b0", "Y0", "a0\n", "M0000000000000"))
	add(refused("position", "string.max_len", `"position":%q`, "a0"+strings.Repeat("V", 254)))
	add(nil, " ")
	delete(rules, " ")
	add(refused("", "", `%s`,
		`"dueDate":"2028-02-29"`, `"dueDate":"2000-02-29"`, `"dueDate":"0001-01-01"`, `"dueDate":"9999-12-31"`, `"dueDate":"2026-12-31","dueTime":"00:00"`,
		`"dueDate":"2026-12-31","dueTime":"23:59","dueTimeZone":"America/Argentina/ComodRivadavia"`, `"dueDate":"2026-12-31","dueTime":"23:59","dueTimeZone":"Etc/GMT+12"`,
		`"priority":"PRIORITY_LOW"`, `"priority":3`, `"priority":"PRIORITY_UNSPECIFIED"`,
		`"position":"a0"`, `"position":"Zz"`, `"position":"a0V"`, `"position":"A00000000000000000000000001"`, `"position":"zzzzzzzzzzzzzzzzzzzzzzzzzzz"`, `"position":"M00000000000000"`,
		`"position":"a0`+strings.Repeat("V", 253)+`"`))
	return rules
}

// brokenTags returns lists of tags, in JSON, with how the path of the violation ends and
// the rule that each breaks.
func brokenTags() map[string][]string {
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("tag ", i))
	}
	return map[string][]string{
		" repeated.max_items": {"[" + strings.Join(many, ",") + "]"},
		"[0] string.min_len":  {`[""]`},
		"[1] string.max_len":  {`["a","` + strings.Repeat("é", 51) + `"]`},
		"[0] tag.visible":     {`["\u200b"]`, `["\u2800"]`, `["\u0301"]`},
		"[0] tag.characters":  {`[" a"]`, `["a "]`, `["a\nb"]`, `["\u0000"]`, `["a\u0000"]`, `["a\u2003"]`, `["\u007fa"]`, `["\u2028a"]`},
		"":                    {`[]`, `["a"]`, `["a b","ä"]`, `["` + strings.Repeat("é", 50) + `"]`, "[" + strings.Join(many[:20], ",") + "]", `["a","A"]`},
	}
}

func TestTheRulesOfFurtherFieldsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("fields "+way))
		stored, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "t"})
		if err != nil {
			t.Fatal(err)
		}
		try := func(what, members, want string, call func() error) {
			t.Helper()
			err := call()
			if strings.TrimSpace(want) == "" {
				if err != nil {
					t.Errorf("%s with %s: %v", what, members, err)
				}
				return
			}
			checkCode(t, what+" with "+members, err, connect.CodeInvalidArgument)
			if got := violations(t, err); !slices.Contains(got, want) {
				t.Errorf("%s with %s: violations %q, want %q", what, members, got, want)
			}
		}
		create := func(members string) func() error {
			return func() error {
				req := new(todov1.CreateTodoRequest)
				if err := protojson.Unmarshal([]byte(`{"title":"t",`+members+`}`), req); err != nil {
					t.Fatal(err)
				}
				_, err := client.CreateTodo(t.Context(), req)
				return err
			}
		}
		update := func(members string) func() error {
			return func() error {
				req := new(todov1.UpdateTodoRequest)
				if err := protojson.Unmarshal([]byte(`{"id":"`+stored.GetId()+`",`+members+`}`), req); err != nil {
					t.Fatal(err)
				}
				_, err := client.UpdateTodo(t.Context(), req)
				return err
			}
		}
		for want, all := range fieldRules() {
			for _, members := range all {
				try("create", members, want, create(members))
				try("update", members, want, update(members))
			}
		}
		for ending, all := range brokenTags() {
			for _, tags := range all {
				with := func(path string) string {
					if ending == "" {
						return ""
					}
					return path + ending
				}
				try("create", tags, with("tags"), create(`"tags":`+tags))
				try("update", tags, with("tags.values"), update(`"tags":{"values":`+tags+`}`))
				if tags != "[]" {
					try("update", tags, with("remove_tags"), update(`"removeTags":`+tags))
					try("update", tags, with("add_tags"), update(`"addTags":`+tags))
					try("update", tags, "", update(`"tags":{}`))
				}
			}
		}
		try("create", "a time alone", " due_time.needs_date", create(`"dueTime":"09:00"`))
		try("create", "a zone alone", " due_time_zone.needs_time", create(`"dueDate":"2026-01-01","dueTimeZone":"UTC"`))
		try("update", "no day, and a time", "due_time due_time.needs_date", update(`"dueDate":"","dueTime":"09:00"`))
		try("update", "no time, and a zone", "due_time_zone due_time_zone.needs_time", update(`"dueDate":"2026-01-01","dueTime":"","dueTimeZone":"UTC"`))
		try("update", "a day alone", "", update(`"dueDate":"2026-01-01","dueTime":""`))
		try("update", "a zone without a time", "due_time_zone due_time_zone.needs_time", update(`"dueTimeZone":"UTC"`))
		twenty, more := brokenTags()[""][4], `"addTags":["one more"]`
		try("update", "twenty tags", "", update(`"tags":{"values":`+twenty+`}`))
		try("update", more, "add_tags tags.max_items", update(more))
		try("update", "one for another", "", update(`"removeTags":["TAG 7"],`+more))
		try("update", "tags, and more of them", " tags.one_way", update(`"tags":{},`+more))
		try("update", "tags, and fewer of them", " tags.one_way", update(`"tags":{},"removeTags":["a"]`))
		try("update", "nothing", " update.not_empty", update(`"title":null`))
	})
}
