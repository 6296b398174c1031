package main

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestATitleNeedsAVisibleCharacter(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	invisible := map[string]string{
		"white space":            " \t\n\v\f\r\u0085\u00a0\u2028\u3000",
		"zero width space":       "\u200b",
		"joiners":                "\u200c\u200d\u034f",
		"word joiner":            "\u2060",
		"byte order mark":        "\ufeff",
		"soft hyphen":            "\u00ad",
		"Mongolian separator":    "\u180e",
		"empty Braille pattern":  "\u2800",
		"Hangul fillers":         "\u115f\u1160\u3164\uffa0",
		"variation selectors":    "\ufe0f\U000e0100",
		"tags":                   "\U000e0001\U000e0067\U000e007f",
		"marks of direction":     "\u200e\u200f\u061c\u202a\u202e\u202c\u2066\u2069",
		"control characters":     "\x01\x1b\x7f\u009f",
		"accents on nothing":     "\u0301\u20dd",
		"one of several in turn": " \u200b\u00ad \u3164\ufe0f ",
	}
	visible := map[string]string{
		"a letter":                "a",
		"a digit":                 "0",
		"an accent on a space":    " \u0301.",
		"an emoji with joiners":   "👩\u200d👩\u200d👧",
		"an emoji with selectors": "❤\ufe0f",
		"a keycap":                "1\ufe0f\u20e3",
		"a flag of tags":          "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"Persian with a joiner":   "می\u200cخواهم",
		"Devanagari":              "क\u094d\u200dष",
		"Korean":                  "우유",
		"Thai":                    "น้ำ",
		"what directs and a word": "\u202eabc\u202c",
		"of no alphabet yet":      "\U0001fbff",
		"private use":             "\uf8ff",
		"between invisible ones":  "\u200b\u2800-\ufeff",
	}
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("titles "+way))
		stored, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		if err != nil {
			t.Fatal(err)
		}
		refused := func(what string, err error) {
			t.Helper()
			checkCode(t, what, err, connect.CodeInvalidArgument)
			const says = "title: must contain a visible character"
			if err == nil {
				return
			} else if way == "REST" {
				if body := string(heard.heard); !strings.Contains(body, says) {
					t.Errorf("%s: %s", what, body)
				}
			} else if !strings.Contains(err.Error(), says) || !slices.Contains(violations(t, err), "title title.not_blank") {
				t.Errorf("%s: %v", what, err)
			}
		}
		for name, title := range invisible {
			_, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title})
			refused("create with "+name, err)
			_, err = client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: stored.GetId(), Title: &title})
			refused("update with "+name, err)
		}
		for name, title := range visible {
			made, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title})
			if err != nil {
				t.Errorf("create with %s: %v", name, err)
			} else if made.GetTitle() != strings.TrimSpace(title) {
				t.Errorf("create with %s: %q became %q", name, title, made.GetTitle())
			}
			if _, err := client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: stored.GetId(), Title: &title}); err != nil {
				t.Errorf("update with %s: %v", name, err)
			}
		}
	})
}

// The contract's rule names Unicode's categories and lists what these leave
// out. Here the same follows from Unicode's properties.
func TestTheContractKnowsEveryInvisibleCharacter(t *testing.T) {
	t.Parallel()
	blank := "\u2800\U0001d159\U00013441\U00013442" // By their names, and by no property.
	isVisible := func(r rune) bool {
		if unicode.In(r, unicode.Prepended_Concatenation_Mark) {
			return true
		}
		return !unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.M,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) && !strings.ContainsRune(blank, r)
	}
	takes := func(title string) bool {
		errCreate := protovalidate.Validate(&todov1.CreateTodoRequest{Title: title})
		errUpdate := protovalidate.Validate(&todov1.UpdateTodoRequest{Id: someID, Title: &title})
		if (errCreate == nil) != (errUpdate == nil) {
			t.Errorf("%q: a create says %v, an update %v", title, errCreate, errUpdate)
		}
		return errCreate == nil
	}
	// Those that are visible one by one, but for most that no alphabet has yet;
	// the others, which must be refused in any company, by the hundred.
	var others []rune
	for r := rune(1); r <= unicode.MaxRune; r++ {
		switch {
		case !utf8.ValidRune(r):
		case !isVisible(r):
			others = append(others, r)
		case !unicode.IsGraphic(r) && isVisible(r-1) && isVisible(r+1) && r%64 > 0:
		case !takes(string(r)):
			t.Errorf("%U is visible, and refused", r)
		}
	}
	for some := range slices.Chunk(others, 100) {
		if takes(string(some)) {
			for _, r := range some {
				if takes(string(r)) {
					t.Errorf("%U can't be seen, and is accepted", r)
				}
			}
		}
	}
}
