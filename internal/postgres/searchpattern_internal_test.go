package postgres

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// corpus has texts of many scripts, and what regular expressions are made of.
func corpus() []string {
	return []string{
		"Café au lait", "cafe\u0301", "CAFE\u0301 AU LAIT", "ca\u00adfe\u0301", "naïve façade", "Ångström Å \u212b",
		"Straße", "STRASSE", "STRAẞE", "Flußstrom", "Flussstrom", "ßß ss ß", "oﬃce oﬀice office", "ﬆop ﬅop stop",
		"İstanbul", "ISTANBUL", "ıstanbul", "istanbul", "iI\u0307ıİ", "DİYARBAKIR",
		"Σοφός ΣΟΦΌΣ σοφοσ", "ᾳ ΐ Ά ώ", "Ёлка ёлка Елка йод Йод", "Україна ґанок їжак", "Đặc biệt dac biet", "Łódź łodzi", "Smørrebrød Ærø", "Þór œuvre Œ", "ħobż ŧest ðat",
		"買い物 がぎぐ がぎ かき ﾊﾟﾋﾟ パピ", "한국어 하 한 한국", "日本語 中文 豈 豈", "सूची क़लम क़लम", "เที่ยวทะเล", "אָבּג אבג", "سَلَام سلام أحمد احمد آ",
		"👩‍🚀 ❤️ ❤ 👍🏽 👍", "🇩🇪 🇫🇷",
		`a.b*c+d?(e)[f]{2}^$|\g`, `^start end$`, `.*`, `\d+ \w`, `[:alpha:] [[:<:]] [=a=] [.a.]`, `(?i)x ***:y ***=z`, `{1,2}`, `a-z ]-[ ^`, `\u0041 \x41`, `"quo'te" \\`, "a\x01b", "tab\tline\nbreak", "= ≠ < ≮ > ≯", "% _ LIKE",
		"ＦＵＬＬ width １２３", "ⓐⒶ Ⅷ ⅷ", "Ꭰꭰ", "𝒜 𐐀 𐐨", "x", "",
	}
}

// matcher asks PostgreSQL which texts match a search.
type matcher struct {
	t        testing.TB
	conn     *pgx.Conn
	foldings *foldings
}

// match returns whether a text has the words, by PostgreSQL.
func (m matcher) match(words []string, texts []string) []bool {
	m.t.Helper()
	rows, err := m.conn.Query(m.t.Context(), `SELECT text COLLATE "C" ~ $1 FROM unnest($2::text[]) WITH ORDINALITY AS t (text, n) ORDER BY n`, m.foldings.pattern(words), texts)
	if err != nil {
		m.t.Fatal(err)
	}
	matches, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		m.t.Fatalf("%+q: %v", words, err)
	}
	return matches
}

// check compares PostgreSQL's verdict with that of Go.
func (m matcher) check(search string, texts []string) {
	m.t.Helper()
	words := todo.SearchWords(search)
	if len(words) == 0 {
		return
	}
	for i, got := range m.match(words, texts) {
		want := true
		folded := todo.FoldText(texts[i])
		for _, word := range words {
			want = want && strings.Contains(folded, word)
		}
		if got != want {
			m.t.Errorf("the search %+q finds %+q: %t, want %t", search, texts[i], got, want)
		}
	}
}

func newMatcher(t testing.TB) matcher {
	t.Helper()
	return matcher{t: t, conn: pgtest.Connect(t, pgtest.NewEmptyDatabase(t)), foldings: newFoldings()}
}

func TestASearchMatchesWhatTheFoldedTextContains(t *testing.T) {
	t.Parallel()
	m := newMatcher(t)
	texts := corpus()
	for _, text := range corpus() {
		texts = append(texts, norm.NFD.String(text), norm.NFC.String(text))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		m.check(text, texts) // All of its words.
		for word := range strings.FieldsSeq(text) {
			chars := []rune(word)
			for range 3 { // Parts of it, as one types.
				from := random.IntN(len(chars))
				m.check(string(chars[from:from+1+random.IntN(len(chars)-from)]), texts)
			}
			m.check(strings.ToUpper(word), texts)
			m.check(strings.ToLower(word), texts)
		}
	}
}

// TestEveryCharacterIsFoundByWhatItFoldsTo also shows that no character is an operator.
func TestEveryCharacterIsFoundByWhatItFoldsTo(t *testing.T) {
	t.Parallel()
	m := newMatcher(t)
	byFold := make(map[string][]string)
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || unicode.IsSpace(r) || unicode.Is(unicode.Unified_Ideograph, r) || unicode.Is(unicode.Hangul, r) {
			continue
		}
		if folded := todo.FoldText(string(r)); folded != "" && (folded != string(r) || r < 0x250) {
			byFold[folded] = append(byFold[folded], string(r))
		}
	}
	for folded, chars := range byFold {
		for i, matches := range m.match([]string{folded}, chars) {
			if !matches {
				t.Errorf("%+q does not find %+q", folded, chars[i])
			}
		}
		if m.match([]string{folded}, []string{"\u0378"})[0] {
			t.Errorf("%+q finds a character that there is not", folded)
		}
	}
}

func TestThePatternOfAnyAllowedSearchIsBounded(t *testing.T) {
	t.Parallel()
	m := newMatcher(t)
	for name, search := range map[string]string{
		"one letter":          strings.Repeat("a", 100),
		"joined by ligatures": strings.Repeat("s", 100),
		"f and i":             strings.Repeat("ffi", 33),
		"many words":          "a e i o u s t α",
		"syllables":           strings.Repeat("한", 100),
		"pairs of jamo":       strings.Repeat("\u1112\u1161", 50),
		"words of jamo":       "\u1161 \u1162 \u1163 \u1164 \u11a8 \u11a9 \u11aa \u11ab",
		"kana":                strings.Repeat("が", 100),
		"expanding":           strings.Repeat("\ufdfa", 100), // Of 18 letters under other rules.
		"Greek":               strings.Repeat("ᾳ", 100),
		"operators":           strings.Repeat("*", 100),
		"backslashes":         strings.Repeat(`\`, 99),
	} {
		words := todo.SearchWords(search)
		if pattern := m.foldings.pattern(words); len(pattern) > 64<<10 {
			t.Errorf("%s: %d bytes", name, len(pattern))
		}
		if !m.match(words, []string{search})[0] {
			t.Errorf("%s: does not find itself", name)
		}
	}
}

func FuzzSearchPattern(f *testing.F) {
	m := newMatcher(f)
	for _, text := range corpus() {
		f.Add(text, "a "+text)
	}
	f.Add("sß", "ſsß")
	f.Fuzz(func(t *testing.T, search, text string) {
		isText := func(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
		if !isText(search) || !isText(text) || utf8.RuneCountInString(search) > 20 {
			t.Skip("refused by the contract")
		}
		folded := todo.FoldText(search)
		for _, joint := range []string{"sssss", "fffff", "ttttt"} {
			if strings.Contains(folded, joint) {
				t.Skip("more letters in a row than ligatures are looked for")
			}
		}
		within := m
		within.t = t
		within.check(search, []string{text, search, text + search, norm.NFD.String(text), strings.ToUpper(search)})
	})
}
