package rpc

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

func testCursor() *todo.Cursor {
	return &todo.Cursor{
		At: time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC),
		ID: todo.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	}
}

// filters lists those that a list may have.
func filters() []todo.Query {
	var filters []todo.Query
	for _, inTrash := range []bool{false, true} {
		for _, isCompleted := range []*bool{nil, new(false), new(true)} {
			filters = append(filters, todo.Query{IsCompleted: isCompleted, InTrash: inTrash})
		}
	}
	return filters
}

func TestPageTokenComesBackAsTheCursorItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, filter := range filters() {
		for _, at := range []time.Time{
			testCursor().At,
			time.UnixMicro(-1 << 63).UTC(), // -infinity, as the store has it.
			time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC),
			time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
			time.Unix(0, 0).UTC(),
			time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
			time.UnixMicro(1<<63 - 1).UTC(),
		} {
			want := &todo.Cursor{At: at, ID: testCursor().ID}
			got, err := decodePageToken(filter, encodePageToken(filter, want))
			if err != nil {
				t.Fatalf("filter %+v, %v: %v", filter, at, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("filter %v (-want +got):\n%s", filter, diff)
			}
		}
	}
}

func TestPageTokenIsBoundToItsFilter(t *testing.T) {
	t.Parallel()
	for i, made := range filters() {
		for j, used := range filters() {
			_, err := decodePageToken(used, encodePageToken(made, testCursor()))
			if (err == nil) != (i == j) {
				t.Errorf("token of filter %d used with %d: %v", i, j, err)
			}
		}
	}
}

func TestNoPageTokenIsTheFirstPage(t *testing.T) {
	t.Parallel()
	if cursor, err := decodePageToken(todo.Query{}, ""); cursor != nil || err != nil {
		t.Errorf("decodePageToken of nothing = %v, %v", cursor, err)
	}
	if token := encodePageToken(todo.Query{}, nil); token != "" {
		t.Errorf("encodePageToken of nothing = %q", token)
	}
}

func TestBrokenPageTokenIsRefused(t *testing.T) {
	t.Parallel()
	raw, err := base64.RawURLEncoding.DecodeString(encodePageToken(todo.Query{}, testCursor()))
	if err != nil {
		t.Fatal(err)
	}
	altered := func(i int, b byte) string {
		other := append([]byte(nil), raw...)
		other[i] = b
		return base64.RawURLEncoding.EncodeToString(other)
	}
	for name, token := range map[string]string{
		"not base64":         "!!!",
		"padded":             base64.URLEncoding.EncodeToString(raw),
		"too short":          base64.RawURLEncoding.EncodeToString(raw[:25]),
		"too long":           base64.RawURLEncoding.EncodeToString(append(raw, 0)),
		"another version":    altered(0, 2),
		"an unknown filter":  altered(1, 3),
		"the trash's":        altered(1, 4),
		"loose last bits":    encodePageToken(todo.Query{}, testCursor())[:34] + "_",
		"standard alphabet":  "+" + encodePageToken(todo.Query{}, testCursor())[1:],
		"with a line break":  encodePageToken(todo.Query{}, testCursor())[:10] + "\n" + encodePageToken(todo.Query{}, testCursor())[10:],
		"a word, no token":   "next",
		"NUL":                "\x00",
		"nothing but spaces": "  ",
	} {
		if cursor, err := decodePageToken(todo.Query{}, token); !errors.Is(err, errPageToken) {
			t.Errorf("%s: %v, %v", name, cursor, err)
		}
	}
}

func FuzzDecodePageToken(f *testing.F) {
	f.Add("")
	f.Add(encodePageToken(todo.Query{}, testCursor()))
	f.Add("AQAABjY")
	f.Fuzz(func(t *testing.T, token string) {
		cursor, err := decodePageToken(todo.Query{}, token)
		switch {
		case err != nil:
			if !errors.Is(err, errPageToken) {
				t.Errorf("%q: %v", token, err)
			}
		case cursor != nil:
			if again := encodePageToken(todo.Query{}, cursor); again != token {
				t.Errorf("%q and %q are the same place", token, again)
			}
		}
	})
}
