package todo

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxSearchWords is how many words a search may have: each looks through all of the
// owner's texts.
const MaxSearchWords = 8

// SearchWords returns the words of a search, folded, each once, in a fixed order. A todo is
// found when each of them is in its folded title or its folded description.
func SearchWords(search string) []string {
	var words []string
	for word := range strings.FieldsSeq(search) {
		if word = FoldText(word); word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

// FoldText returns a text without what a search ignores: case, accents, and how a letter
// is composed. Each character is folded by itself, so that the fold of two texts
// together is that of each.
func FoldText(text string) string {
	// Some letters decompose only when their case is folded, and others when it is not
	// yet.
	text = stripped(norm.NFD.String(cases.Fold().String(stripped(norm.NFD.String(text)))))
	var folded strings.Builder
	for _, r := range text {
		if base := baseLetter(r); base != "" {
			folded.WriteString(base)
		} else {
			folded.WriteRune(r)
		}
	}
	return folded.String()
}

// baseLetter returns what people type for a letter that they can't, of those that Unicode
// does not decompose, and what it is folded to that x/text does not fold; "" for any other.
func baseLetter(r rune) string {
	switch r {
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'ħ':
		return "h"
	case 'ŧ':
		return "t"
	case 'ı':
		return "i"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'þ':
		return "th"
	}
	switch { // The capital letters of Cherokee, which x/text folds to small ones and those to capitals.
	case 0xAB70 <= r && r <= 0xABBF:
		return string(r - 0xAB70 + 0x13A0)
	case 0x13F8 <= r && r <= 0x13FD:
		return string(r - 8)
	}
	return ""
}

// stripped returns a text without the characters that are [Ignored].
func stripped(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0xAD {
			return r
		}
		for _, between := range Ignored() {
			if between[0] <= r && r <= between[1] {
				return -1
			}
		}
		return r
	}, text)
}

// Ignored returns the characters that a search ignores, as ranges: accents, the points of
// Hebrew and the vowel marks of Arabic, which people leave out when they type, soft
// hyphens, and what chooses between pictures of an emoji. So й is found by и. The marks of
// Indic and other scripts are letters to those who write them.
func Ignored() [][2]rune {
	return [][2]rune{
		{0x00AD, 0x00AD},                                                                         // Soft hyphen.
		{0x0300, 0x036F},                                                                         // Combining diacritical marks.
		{0x0591, 0x05BD}, {0x05BF, 0x05BF}, {0x05C1, 0x05C2}, {0x05C4, 0x05C5}, {0x05C7, 0x05C7}, // Hebrew.
		{0x064B, 0x065F}, {0x0670, 0x0670}, // Arabic.
		{0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, // More diacritical marks.
		{0xFE00, 0xFE0F}, // Variation selectors.
		{0xFE20, 0xFE2F}, // Halves of diacritical marks.
	}
}
