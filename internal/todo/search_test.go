package todo_test

import (
	"slices"
	"testing"
	"unicode"

	"example.com/todo-backend/internal/todo"
)

func TestASearchFoldsWhatPeopleTakeForTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"cafe", "Café", "CAFÉ", "cafe\u0301", "ca\u00adfé"},
		{"strasse", "Straße", "STRAẞE", "Strasse"},
		{"istanbul", "İstanbul", "ISTANBUL", "ıstanbul", "i̇stanbul"},
		{"σοφοσ", "Σοφός", "ΣΟΦΌΣ", "σοφοσ"},
		{"елка", "ёлка", "ЁЛКА", "е\u0308лка"},
		{"smorrebrod", "Smørrebrød"},
		{"lodz", "Łódź"},
		{"aebleskiver", "Æbleskiver", "ǽbleskiver"},
		{"oeuvre", "Œuvre"},
		{"dac biet", "Đặc biệt"},
		{"office", "oﬃce", "oﬀice"},
		{"אבג", "אָבּג"},
		{"سلام", "سَلَام"},
		{"a ring", "Å ring", "\u212b ring"},
		{"❤", "❤\ufe0f"},
	} {
		for _, text := range same {
			if got := todo.FoldText(text); got != same[0] {
				t.Errorf("%q is folded to %q, want %q", text, got, same[0])
			}
		}
	}
	// Marks that are letters to those who write them stay, as does what has no base.
	for text, want := range map[string]string{"がぎ": "か\u3099き\u3099", "เที่ยว": "เที่ยว", "日本": "日本", "👩‍🚀": "👩‍🚀", "1+1=2": "1+1=2"} {
		if got := todo.FoldText(text); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
}

func TestFoldingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		once := todo.FoldText(string(r))
		if twice := todo.FoldText(once); twice != once {
			t.Errorf("%U is folded to %+q, and that to %+q", r, once, twice)
		}
	}
}

func TestTheWordsOfASearch(t *testing.T) {
	t.Parallel()
	for search, want := range map[string][]string{
		"":                    nil,
		" \t\u2003\n":         nil,
		"\u0301 \ufe0f":       nil,
		" Café  au\u00a0lait": {"au", "cafe", "lait"},
		"Milk MILK milk":      {"milk"},
	} {
		if got := todo.SearchWords(search); !slices.Equal(got, want) {
			t.Errorf("the words of %q are %q, want %q", search, got, want)
		}
	}
}
