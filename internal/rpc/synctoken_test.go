package rpc

import (
	"encoding/base64"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

func testPosition() todo.SyncPosition {
	return todo.SyncPosition{
		Epoch:    -1_234_567_890,
		Revision: 1_795_428_930_123_456,
		ID:       todo.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		Start:    1_795_428_930_000_000,
	}
}

func TestSyncTokenComesBackAsThePositionItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, want := range []todo.SyncPosition{
		testPosition(),
		{},
		{Epoch: math.MaxInt32, Revision: math.MaxInt64, Start: math.MaxInt64},
		{Epoch: math.MinInt32, Revision: math.MinInt64, Start: math.MinInt64},
		{Start: 1},
		{Revision: 1},
		{Epoch: 1},
		{ID: todo.ID{15: 1}},
	} {
		got, err := decodeSyncToken(encodeSyncToken(want))
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestNoSyncTokenIsTheBeginning(t *testing.T) {
	t.Parallel()
	if at, err := decodeSyncToken(""); at != nil || err != nil {
		t.Errorf("decodeSyncToken of nothing = %v, %v", at, err)
	}
}

func TestBrokenSyncTokenIsRefused(t *testing.T) {
	t.Parallel()
	token := encodeSyncToken(testPosition())
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"not base64":         "!!!",
		"padded":             base64.URLEncoding.EncodeToString(raw),
		"too short":          base64.RawURLEncoding.EncodeToString(raw[:syncTokenBytes-1]),
		"too long":           base64.RawURLEncoding.EncodeToString(append(raw[:syncTokenBytes:syncTokenBytes], 0)),
		"another version":    base64.RawURLEncoding.EncodeToString(append([]byte{2}, raw[1:]...)),
		"loose last bits":    token[:len(token)-1] + "_",
		"standard alphabet":  "+" + token[1:],
		"with a line break":  token[:10] + "\n" + token[10:],
		"a page token":       encodePageToken(todo.Query{}, testCursor()),
		"a word, no token":   "next",
		"NUL":                "\x00",
		"nothing but spaces": "  ",
	} {
		if at, err := decodeSyncToken(token); !errors.Is(err, errSyncToken) {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
}

func FuzzDecodeSyncToken(f *testing.F) {
	f.Add("")
	f.Add(encodeSyncToken(testPosition()))
	f.Add("AQAABjY")
	f.Fuzz(func(t *testing.T, token string) {
		at, err := decodeSyncToken(token)
		switch {
		case err != nil:
			if !errors.Is(err, errSyncToken) {
				t.Errorf("%q: %v", token, err)
			}
		case at != nil:
			if again := encodeSyncToken(*at); again != token {
				t.Errorf("%q and %q are the same place", token, again)
			}
		}
	})
}
