package rpc

import (
	"encoding/base64"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"example.com/todo-backend/internal/todo"
)

// etagged is a todo's id, and an etag of it as callers get it.
func etagged(version todo.Version) (id todo.ID, etag string) {
	id = todo.ID(uuid.MustParse("0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"))
	return id, message(todo.Todo{ID: id, Version: version}).GetEtag()
}

func TestEtagComesBackAsTheVersionItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, number := range []int64{0, 1, -1, time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC).UnixMicro(), math.MinInt64, math.MaxInt64} {
		want := todo.Version{Number: number, Valid: true}
		id, etag := etagged(want)
		got, err := decodeEtag(id, &etag)
		if err != nil || got != want {
			t.Errorf("%+v became %q and then %+v, %v", want, etag, got, err)
		}
	}
	if got, err := decodeEtag(todo.ID{}, nil); err != nil || got.Valid {
		t.Errorf("no etag is %+v, %v", got, err)
	}
	if msg := message(todo.Todo{}); msg.Etag != nil {
		t.Errorf("a todo without a version has the etag %q", msg.GetEtag())
	}
}

func TestEtagIsOneTodosOnly(t *testing.T) {
	t.Parallel()
	version := todo.Version{Number: 42, Valid: true}
	_, etag := etagged(version)
	for range 100 {
		another := todo.ID(uuid.New())
		if got, err := decodeEtag(another, &etag); err != nil || got == version {
			t.Errorf("the etag is one of %v too: %+v, %v", another, got, err)
		}
		if other := message(todo.Todo{ID: another, Version: version}).GetEtag(); other == etag {
			t.Errorf("two todos with one version have one etag: %s", etag)
		}
	}
}

func TestWhatIsNoEtagIsRefused(t *testing.T) {
	t.Parallel()
	id, etag := etagged(todo.Version{Number: 42, Valid: true})
	raw, err := base64.RawURLEncoding.DecodeString(etag)
	if err != nil {
		t.Fatal(err)
	}
	layout := append([]byte{etagLayout + 1}, raw[1:]...)
	for name, text := range map[string]string{
		"empty":             "",
		"a word":            "etag",
		"a star":            "*",
		"in quotes":         `"` + etag + `"`,
		"weak":              `W/"` + etag + `"`,
		"padded":            etag + "=",
		"too short":         etag[:11],
		"too long":          etag + "AAAA",
		"another layout":    base64.RawURLEncoding.EncodeToString(layout),
		"standard alphabet": etag[:11] + "+",
		"a line break":      etag[:4] + "\n" + etag[5:],
		"more line breaks":  etag + "\n\n\n\n",
		"NUL":               "\x00",
	} {
		if version, err := decodeEtag(id, &text); !errors.Is(err, errEtag) {
			t.Errorf("%s: %+v, %v", name, version, err)
		}
	}
}

func FuzzDecodeEtag(f *testing.F) {
	_, etag := etagged(todo.Version{Number: 42, Valid: true})
	f.Add(etag, []byte("0123456789abcdef"))
	f.Add("", []byte{})
	f.Add("AQAABjY\n", []byte{})
	f.Fuzz(func(t *testing.T, text string, idBytes []byte) {
		var id todo.ID
		copy(id[:], idBytes)
		version, err := decodeEtag(id, &text)
		switch {
		case err != nil && !errors.Is(err, errEtag):
			t.Errorf("%q: %v", text, err)
		case err == nil && !version.Valid:
			t.Errorf("%q is taken for no etag", text)
		case err == nil:
			if again := string(appendEtag(nil, id, version)); again != text {
				t.Errorf("%q and %q are one etag", text, again)
			}
		}
	})
}
