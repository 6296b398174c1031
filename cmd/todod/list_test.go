package main

import (
	"errors"
	"slices"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// listedTitles returns the titles of all pages of a list.
func listedTitles(t *testing.T, client todov1connect.TodoServiceClient, req *todov1.ListTodosRequest) []string {
	t.Helper()
	var titles []string
	for {
		page, err := client.ListTodos(t.Context(), req)
		if err != nil {
			t.Fatalf("%v: %v", req, err)
		}
		for _, one := range page.GetTodos() {
			titles = append(titles, one.GetTitle())
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return titles
		}
	}
}

func TestListsByFilterAndOrderOverEveryProtocol(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("lists over "+way))
		others, _ := s.client(t, way, s.issuer.Token("reads along over "+way))
		var last *todov1.Todo
		for _, req := range []*todov1.CreateTodoRequest{
			{Title: "Café", Tags: []string{"Home", "food"}, Priority: todov1.Priority_PRIORITY_LOW.Enum(), DueDate: new("2026-11-29"), Position: new("a2")},
			{Title: "Straße", Tags: []string{"home"}, DueDate: new("2026-11-29"), DueTime: new("12:00"), Position: new("a1")},
			{Title: "Bank", Priority: todov1.Priority_PRIORITY_HIGH.Enum(), DueDate: new("2026-11-29"), DueTime: new("23:30"), DueTimeZone: new("America/New_York"), Position: new("a0")},
			{Title: "Milk & ]", Description: new("für das café")},
		} {
			var err error
			if last, err = client.CreateTodo(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		high, none := todov1.Priority_PRIORITY_HIGH, todov1.Priority_PRIORITY_UNSPECIFIED
		for _, test := range []struct {
			name string
			req  *todov1.ListTodosRequest
			want []string
		}{
			{"by due date", &todov1.ListTodosRequest{OrderBy: "due"}, []string{"Straße", "Café", "Bank", "Milk & ]"}},
			{"by due date in Berlin", &todov1.ListTodosRequest{OrderBy: "due", TimeZone: "Europe/Berlin"}, []string{"Straße", "Café", "Bank", "Milk & ]"}},
			{"by due date in New York", &todov1.ListTodosRequest{OrderBy: "due", TimeZone: "America/New_York"}, []string{"Straße", "Bank", "Café", "Milk & ]"}},
			{"by priority", &todov1.ListTodosRequest{OrderBy: "priority"}, []string{"Bank", "Café", "Milk & ]", "Straße"}},
			{"by position", &todov1.ListTodosRequest{OrderBy: "position"}, []string{"Milk & ]", "Bank", "Straße", "Café"}},
			{"by change", &todov1.ListTodosRequest{OrderBy: "updated"}, []string{"Milk & ]", "Bank", "Straße", "Café"}},
			{"by creation", &todov1.ListTodosRequest{OrderBy: "created"}, []string{"Milk & ]", "Bank", "Straße", "Café"}},
			{"all tags", &todov1.ListTodosRequest{AllTags: []string{"HOME", "food"}}, []string{"Café"}},
			{"any tags", &todov1.ListTodosRequest{AnyTags: []string{"FOOD", "home"}}, []string{"Straße", "Café"}},
			{"priorities", &todov1.ListTodosRequest{Priorities: []todov1.Priority{none, high}}, []string{"Milk & ]", "Bank", "Straße"}},
			{"due on a day in Berlin", &todov1.ListTodosRequest{DueFrom: "2026-11-29", DueTo: "2026-11-29", TimeZone: "Europe/Berlin"}, []string{"Straße", "Café"}},
			{"due on a day in New York", &todov1.ListTodosRequest{DueFrom: "2026-11-29", DueTo: "2026-11-29", TimeZone: "America/New_York"}, []string{"Bank", "Straße", "Café"}},
			{"without a due date", &todov1.ListTodosRequest{NoDueDate: true}, []string{"Milk & ]"}},
			{"changed since", &todov1.ListTodosRequest{UpdatedSince: last.GetUpdatedAt()}, []string{"Milk & ]"}},
			{"changed since the last", &todov1.ListTodosRequest{UpdatedSince: &timestamppb.Timestamp{Seconds: last.GetUpdatedAt().GetSeconds() + 60}}, nil},
			{"a search", &todov1.ListTodosRequest{Search: "CAFE"}, []string{"Milk & ]", "Café"}},
			{"a search of several words", &todov1.ListTodosRequest{Search: "cafe & ]"}, []string{"Milk & ]"}},
			{"a search by ss", &todov1.ListTodosRequest{Search: "strass"}, []string{"Straße"}},
			{"a search that finds nothing", &todov1.ListTodosRequest{Search: "."}, nil},
		} {
			for _, size := range []int32{0, 1} {
				test.req.PageSize = size
				if got := listedTitles(t, client, test.req); !slices.Equal(got, test.want) {
					t.Errorf("%s: %q, want %q", test.name, got, test.want)
				}
			}
			// A place in somebody else's list is a place in one's own, which is empty.
			first, err := client.ListTodos(t.Context(), test.req)
			if err != nil {
				t.Fatal(err)
			}
			test.req.PageToken = first.GetNextPageToken()
			if got := listedTitles(t, others, test.req); got != nil {
				t.Errorf("%s: another user sees %q", test.name, got)
			}
		}
		if _, err := client.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: last.GetId()}); err != nil {
			t.Fatal(err)
		}
		if got := listedTitles(t, client, &todov1.ListTodosRequest{Deleted: true, Search: "milk"}); !slices.Equal(got, []string{"Milk & ]"}) {
			t.Errorf("the trash has %q", got)
		}
		if got := listedTitles(t, client, &todov1.ListTodosRequest{Deleted: true, Search: "bank"}); got != nil {
			t.Errorf("the trash has %q", got)
		}
	})
}

func TestAListThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("u"))
		for name, test := range map[string]struct {
			req   *todov1.ListTodosRequest
			field string // The violation's; "" for the whole message.
		}{
			"a search of nine words":       {&todov1.ListTodosRequest{Search: "a b c d e f g h i"}, "search"},
			"an unknown zone":              {&todov1.ListTodosRequest{TimeZone: "Europe/Atlantis"}, "time_zone"},
			"the machine's own zone":       {&todov1.ListTodosRequest{TimeZone: "Local", OrderBy: "due"}, "time_zone"},
			"a path for a zone":            {&todov1.ListTodosRequest{TimeZone: "../../etc/passwd"}, "time_zone"},
			"an unknown order":             {&todov1.ListTodosRequest{OrderBy: "title"}, "order_by"},
			"an order of the trash":        {&todov1.ListTodosRequest{OrderBy: "due", Deleted: true}, ""},
			"a day that there is not":      {&todov1.ListTodosRequest{DueFrom: "2026-02-29"}, "due_from"},
			"a range without a due date":   {&todov1.ListTodosRequest{DueTo: "2026-03-01", NoDueDate: true}, ""},
			"a priority that there is not": {&todov1.ListTodosRequest{Priorities: []todov1.Priority{4}}, "priorities"},
			"a tag with a space around it": {&todov1.ListTodosRequest{AllTags: []string{"a", " b"}}, "all_tags"},
			"an empty tag":                 {&todov1.ListTodosRequest{AnyTags: []string{""}}, "any_tags"},
			"twenty-one tags":              {&todov1.ListTodosRequest{AnyTags: slices.Repeat([]string{"a"}, 21)}, "any_tags"},
		} {
			_, err := client.ListTodos(t.Context(), test.req)
			checkCode(t, name, err, connect.CodeInvalidArgument)
			refusal, ok := errors.AsType[*connect.Error](err)
			if !ok || len(refusal.Details()) != 1 {
				t.Errorf("%s: %v without one detail", name, err)
				continue
			}
			detail, err := refusal.Details()[0].Value()
			violations, ok := detail.(*validate.Violations)
			if err != nil || !ok || len(violations.GetViolations()) == 0 {
				t.Errorf("%s: %v, %v", name, detail, err)
				continue
			}
			named := ""
			if elements := violations.GetViolations()[0].GetField().GetElements(); len(elements) > 0 {
				named = elements[0].GetFieldName()
			}
			if named != test.field {
				t.Errorf("%s: the field %q is named, want %q", name, named, test.field)
			}
		}
	})
}
