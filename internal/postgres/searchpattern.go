package postgres

import (
	"slices"
	"strings"
	"unicode"

	"example.com/todo-backend/internal/todo"
)

// A search is a regular expression, since PostgreSQL folds neither accents nor, in the
// locale C, the case of letters beyond ASCII: with each letter stand all characters that
// fold to it. It contains no operator that depends on a locale.

// foldings knows what characters fold to, as [todo.FoldText] has it.
type foldings struct {
	// toOne has the characters that fold to one character.
	toOne map[rune][]rune
	// toSeveral has, by each character of what they fold to, those that fold to several:
	// ligatures, and the syllables of some scripts.
	toSeveral map[rune][]folding
}

// folding is a character and what it folds to.
type folding struct {
	from rune
	to   string
}

// lastComposed is the last character that Unicode decomposes or folds.
const lastComposed = 0x2FA1D

// newFoldings takes 60 ms of CPU.
func newFoldings() *foldings {
	f := &foldings{toOne: make(map[rune][]rune), toSeveral: make(map[rune][]folding)}
	for r := rune(0); r <= lastComposed; r++ {
		if !unicode.In(r, unicode.Letter, unicode.Number, unicode.Punct, unicode.Symbol, unicode.Mark) || unicode.Is(unicode.Unified_Ideograph, r) {
			continue // All else folds to itself, or is a space.
		}
		to := []rune(todo.FoldText(string(r)))
		switch {
		case len(to) == 0, len(to) == 1 && to[0] == r:
		case len(to) == 1:
			f.toOne[to[0]] = append(f.toOne[to[0]], r)
		default:
			for i, one := range to {
				if slices.Index(to, one) == i {
					f.toSeveral[one] = append(f.toSeveral[one], folding{from: r, to: string(to)})
				}
			}
		}
	}
	return f
}

// pattern returns a regular expression that matches the texts in which all words occur,
// which are folded. There has to be a word.
func (f *foldings) pattern(words []string) string {
	if len(words) == 1 {
		return f.newWord(words[0]).pattern()
	}
	// One expression, since PostgreSQL keeps no more than 32 compiled ones.
	var pattern strings.Builder
	pattern.WriteByte('^')
	for _, word := range words {
		pattern.WriteString("(?=.*" + f.newWord(word).pattern() + ")")
	}
	return pattern.String()
}

// word is a folded word, and by which characters one comes from each place in it to
// later ones.
type word struct {
	text  []rune
	steps []map[int][]rune // By the place where they begin, then where they end.
}

// newWord returns a word.
func (f *foldings) newWord(text string) *word {
	w := &word{text: []rune(text)}
	w.steps = make([]map[int][]rune, len(w.text))
	for i, r := range w.text {
		w.steps[i] = map[int][]rune{i + 1: append([]rune{r}, f.toOne[r]...)}
		for _, several := range f.toSeveral[r] {
			if to := []rune(several.to); hasAt(w.text, i, to) {
				w.step(i, i+len(to), several.from)
			}
		}
	}
	f.addEnds(w)
	return w
}

// addEnds adds the characters at a word's beginning and at its end of which only a part
// belongs to it: "stras" occurs in "Straße".
func (f *foldings) addEnds(w *word) {
	n := len(w.text)
	for _, several := range f.toSeveral[w.text[0]] {
		to := []rune(several.to)
		if len(to) > n && strings.Contains(several.to, string(w.text)) {
			w.step(0, n, several.from)
			continue
		}
		for k := 1; k < min(len(to), n); k++ {
			if hasAt(w.text, 0, to[len(to)-k:]) {
				w.step(0, k, several.from)
			}
		}
	}
	for _, several := range f.toSeveral[w.text[n-1]] {
		to := []rune(several.to)
		for k := 1; k < min(len(to), n); k++ {
			if hasAt(w.text, n-k, to[:k]) {
				w.step(n-k, n, several.from)
			}
		}
	}
}

// hasAt reports whether a text has a part at a place.
func hasAt(text []rune, at int, part []rune) bool {
	return at+len(part) <= len(text) && slices.Equal(text[at:at+len(part)], part)
}

// step adds a character that leads from one place to another.
func (w *word) step(from, to int, by rune) {
	if !slices.Contains(w.steps[from][to], by) {
		w.steps[from][to] = append(w.steps[from][to], by)
	}
}

// longestJoint is how many characters of a word may be joined by ligatures that overlap:
// the number of ways through them doubles with every second one. Nothing that people
// search for has as many. Beyond them, a ligature is not found for its letters.
const longestJoint = 6

// pattern returns the word's regular expression.
func (w *word) pattern() string {
	var parts []string
	for begin := 0; begin < len(w.text); {
		end := begin + 1
		for i := begin; i < end; i++ {
			for to := range w.steps[i] {
				end = max(end, min(to, begin+longestJoint))
			}
		}
		parts = append(parts, w.between(begin, end))
		begin = end
	}
	return strings.Join(parts, ignored())
}

// between returns the regular expression of what is between two places.
func (w *word) between(begin, end int) string {
	var ways []string
	for to := begin + 1; to <= end; to++ {
		switch chars := w.steps[begin][to]; {
		case len(chars) == 0:
		case to == end:
			ways = append(ways, oneOf(chars))
		default:
			ways = append(ways, oneOf(chars)+ignored()+w.between(to, end))
		}
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return "(?:" + strings.Join(ways, "|") + ")"
}

// oneOf returns a regular expression that matches each of the characters. Those that
// follow each other, as the syllables of Hangul with one beginning, are a range: a set of
// hundreds takes PostgreSQL milliseconds to compile.
func oneOf(chars []rune) string {
	if len(chars) == 1 {
		return literal(chars[0])
	}
	chars = slices.Sorted(slices.Values(chars))
	var pattern strings.Builder
	pattern.WriteByte('[')
	for first := 0; first < len(chars); {
		last := first
		for last+1 < len(chars) && chars[last+1] == chars[last]+1 {
			last++
		}
		pattern.WriteString(literal(chars[first]))
		if last > first {
			if last > first+1 {
				pattern.WriteByte('-')
			}
			pattern.WriteString(literal(chars[last]))
		}
		first = last + 1
	}
	pattern.WriteByte(']')
	return pattern.String()
}

// literal returns a regular expression that matches a character. What may be an operator
// is escaped; a letter or a digit would become one.
func literal(r rune) string {
	if r < unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return `\` + string(r)
	}
	return string(r)
}

// ignored returns a regular expression that matches characters that a search ignores.
func ignored() string {
	var pattern strings.Builder
	pattern.WriteByte('[')
	for _, between := range todo.Ignored() {
		pattern.WriteRune(between[0])
		if between[1] > between[0] {
			pattern.WriteByte('-')
			pattern.WriteRune(between[1])
		}
	}
	pattern.WriteString("]*")
	return pattern.String()
}
