package rpc

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

// finds are requests for lists that are not plain, no two of them for the same one.
func finds() []*todov1.ListTodosRequest {
	return []*todov1.ListTodosRequest{
		{OrderBy: "due"},
		{OrderBy: "due", TimeZone: "Europe/Berlin"},
		{OrderBy: "due", IsCompleted: new(false)},
		{OrderBy: "priority"},
		{OrderBy: "position"},
		{OrderBy: "updated"},
		{Search: "a"},
		{Search: "a b"},
		{Search: "ab"},
		{Search: "a", OrderBy: "updated"},
		{Search: "a", Deleted: true},
		{AllTags: []string{"a"}},
		{AnyTags: []string{"a"}},
		{AllTags: []string{"a", "b"}},
		{AllTags: []string{`a" "b`}},
		{AllTags: []string{"a"}, AnyTags: []string{"b"}},
		{Priorities: []todov1.Priority{0}},
		{Priorities: []todov1.Priority{0, 1}},
		{DueFrom: "2026-11-29"},
		{DueFrom: "2026-11-29", TimeZone: "Europe/Berlin"},
		{DueTo: "2026-11-29"},
		{DueFrom: "2026-11-29", DueTo: "2026-11-29"},
		{NoDueDate: true},
		{UpdatedSince: &timestamppb.Timestamp{Seconds: 1}},
		{UpdatedSince: &timestamppb.Timestamp{Seconds: 1, Nanos: 1}},
	}
}

// queryFor returns the query of a request.
func queryFor(t *testing.T, req *todov1.ListTodosRequest) todo.Query {
	t.Helper()
	query, err := (&todoServer{todos: todo.NewService(nil, nil)}).queryOf(req)
	if err != nil {
		t.Fatal(err)
	}
	return query
}

// findCursor is a position in a list.
func findCursor(query todo.Query) *todo.Cursor {
	switch query.Order {
	case todo.ByPosition:
		return &todo.Cursor{Position: "M0123456789abcdV", ID: testCursor().ID}
	case todo.ByPriority:
		return &todo.Cursor{At: testCursor().At, Priority: todo.HighPriority, ID: testCursor().ID}
	default:
		return testCursor()
	}
}

func TestPageTokensOfEveryListAreBoundToFilterOrderAndZone(t *testing.T) {
	t.Parallel()
	for i, made := range finds() {
		query := queryFor(t, made)
		token := encodePageToken(query, findCursor(query))
		for j, used := range finds() {
			got, err := decodePageToken(queryFor(t, used), token)
			if (err == nil) != (i == j) {
				t.Errorf("token of %v used with %v: %v", made, used, err)
			}
			if diff := cmp.Diff(findCursor(query), got); err == nil && diff != "" {
				t.Errorf("token of %v (-want +got):\n%s", made, diff)
			}
		}
		for _, plain := range filters() {
			if _, err := decodePageToken(plain, token); !errors.Is(err, errPageToken) {
				t.Errorf("token of %v used with a plain list: %v", made, err)
			}
			if _, err := decodePageToken(query, encodePageToken(plain, testCursor())); !errors.Is(err, errPageToken) {
				t.Errorf("token of a plain list used with %v: %v", made, err)
			}
		}
	}
}

func TestPageTokensOfTheSameListInOtherWordsAreGood(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]*todov1.ListTodosRequest{
		{{OrderBy: "due"}, {OrderBy: "due", TimeZone: "UTC", PageSize: 7}},
		{{Search: "CAFÉ  au"}, {Search: " cafe au ", OrderBy: "created"}},
		{{Search: "milk bread"}, {Search: "Bread milk BREAD"}},
		{{AnyTags: []string{"b", "A", "a"}}, {AnyTags: []string{"a", "B"}}},
		{{Priorities: []todov1.Priority{3, 1, 3}}, {Priorities: []todov1.Priority{1, 3}}},
		{{}, {Search: " ", TimeZone: "Europe/Berlin", OrderBy: "created"}},
	} {
		made, used := queryFor(t, same[0]), queryFor(t, same[1])
		if _, err := decodePageToken(used, encodePageToken(made, findCursor(made))); err != nil {
			t.Errorf("token of %v used with %v: %v", same[0], same[1], err)
		}
	}
}

func TestTheLongestPageTokenIsWithinItsBound(t *testing.T) {
	t.Parallel()
	query := todo.Query{Order: todo.ByPosition}
	cursor := &todo.Cursor{Position: strings.Repeat("z", 255)}
	token := encodePageToken(query, cursor)
	if got, err := decodePageToken(query, token); err != nil || len(token) > 512 || got.Position != cursor.Position {
		t.Errorf("%d bytes, %v", len(token), err)
	}
}

func TestABrokenTokenOfAListIsRefused(t *testing.T) {
	t.Parallel()
	for _, order := range []todo.Order{todo.ByDue, todo.ByPriority, todo.ByPosition, todo.ByUpdate} {
		query := todo.Query{Order: order}
		token := encodePageToken(query, findCursor(query))
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		altered := func(raw []byte, i int, b byte) string {
			other := append([]byte(nil), raw...)
			other[i] = b
			return base64.RawURLEncoding.EncodeToString(other)
		}
		broken := map[string]string{
			"not base64":      "!!!",
			"no place":        base64.RawURLEncoding.EncodeToString(raw[:findTokenBytes]),
			"half of an id":   base64.RawURLEncoding.EncodeToString(raw[:findTokenBytes-8]),
			"another version": altered(raw, 0, 1),
			"a line break":    token[:10] + "\n" + token[10:],
			"another hash":    altered(raw, 5, raw[5]+1),
			"one byte":        "Ag",
		}
		switch order {
		case todo.ByPosition:
			broken["NUL in the position"] = altered(raw, len(raw)-1, 0)
			broken["no UTF-8"] = altered(raw, len(raw)-1, 0xff)
			broken["a position that is no key"] = altered(raw, len(raw)-1, '0')
		case todo.ByPriority:
			broken["a priority that there is not"] = altered(raw, findTokenBytes, 4)
			fallthrough
		default:
			broken["too long"] = base64.RawURLEncoding.EncodeToString(append(raw, 0))
			broken["too short"] = base64.RawURLEncoding.EncodeToString(raw[:len(raw)-1])
		}
		for name, token := range broken {
			if cursor, err := decodePageToken(query, token); !errors.Is(err, errPageToken) {
				t.Errorf("%s, order %d: %v, %v", name, order, cursor, err)
			}
		}
	}
}

func TestATimeOfAnyRequestIsOneThatTheStoreHas(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int64{-1 << 63, -62135596801, 253402300800, 1<<63 - 1} {
		query := queryFor(t, &todov1.ListTodosRequest{UpdatedSince: &timestamppb.Timestamp{Seconds: seconds, Nanos: 1 << 30}})
		if year := query.Filter.UpdatedSince.Year(); !query.Filter.UpdatedSince.IsZero() && (year < 1 || year > 9999) {
			t.Errorf("%d seconds become %v", seconds, query.Filter.UpdatedSince)
		}
	}
}

func TestEveryOrderOfTheContractIsKnown(t *testing.T) {
	t.Parallel()
	field := new(todov1.ListTodosRequest).ProtoReflect().Descriptor().Fields().ByName("order_by")
	rules, ok := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok {
		t.Fatal("order_by has no rules")
	}
	names := rules.GetString().GetIn()
	byOrder := make(map[todo.Order][]string)
	for _, name := range names {
		byOrder[orderOf(name)] = append(byOrder[orderOf(name)], name)
	}
	for order, same := range byOrder {
		if len(same) > 1 && !slices.Equal(same, []string{"", "created"}) {
			t.Errorf("%q are the same order, %d", same, order)
		}
	}
}

func FuzzDecodeFindToken(f *testing.F) {
	for i, req := range finds() {
		filter, err := filterOf(req)
		if err != nil {
			f.Fatal(err)
		}
		query := todo.Query{Order: orderOf(req.GetOrderBy()), Filter: filter}
		f.Add(i, encodePageToken(query, findCursor(query)))
	}
	f.Fuzz(func(t *testing.T, i int, token string) {
		query := queryFor(t, finds()[uint(i)%uint(len(finds()))])
		cursor, err := decodePageToken(query, token)
		switch {
		case err != nil:
			if !errors.Is(err, errPageToken) {
				t.Errorf("%q: %v", token, err)
			}
		case cursor != nil:
			if again := encodePageToken(query, cursor); again != token {
				t.Errorf("%q and %q are the same place", token, again)
			}
		}
	})
}
