package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dotenvFile has the settings that the environment leaves out.
const dotenvFile = ".env"

// dotenv is the content of a .env file: the raw text after each NAME=. Only the text
// of this service's settings is parsed, since other programs may share the file and
// parse theirs differently.
//
//	# A comment. Blank lines are ignored too.
//	NAME=value                      may have "export" in front
//	NAME=value  # comment
//	NAME='anything but the quote'
//	NAME="with \" or \\ or \$ in it"
//
// Nothing is expanded.
type dotenv map[string]string

// readDotenv reads the file, if there is one. The result can be used even when there is
// an error. The error quotes nothing of the file.
func readDotenv(path string) (dotenv, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file has no settings
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be read: %w", path, err)
	}
	// Editors on Windows begin a file with a byte-order mark.
	text := strings.TrimPrefix(string(content), "\ufeff")
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%s must be UTF-8 text: save it with that encoding", path)
	}
	file := make(dotenv)
	var errs []error
	for number := 1; text != ""; {
		line, rest, _ := strings.Cut(text, "\n")
		name, raw, isSetting := splitLine(line)
		if isSetting {
			if quoted := quotedLines(raw, rest); quoted != "" {
				raw, rest = raw+"\n"+quoted, strings.TrimPrefix(rest[len(quoted):], "\n")
			}
		}
		switch _, twice := file[name]; {
		case isSetting && twice:
			errs = append(errs, fmt.Errorf("%s has %s twice, again in line %d", path, name, number))
		case isSetting:
			file[name] = raw
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(strings.TrimSpace(line), "#"):
			errs = append(errs, fmt.Errorf("%s has in line %d neither NAME=value nor a comment", path, number))
		}
		number += strings.Count(text[:len(text)-len(rest)], "\n")
		text = rest
	}
	return file, errors.Join(errs...)
}

// splitLine splits NAME=text.
func splitLine(line string) (name, raw string, ok bool) {
	name, raw, ok = strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if rest, exported := strings.CutPrefix(name, "export"); exported && strings.TrimLeft(rest, " \t") != rest {
		name = strings.TrimSpace(rest)
	}
	return name, raw, ok && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`#'"`+"`$", r)
	})
}

// quotedLines returns the further lines of a quoted text that is closed in one of them.
// None of the service's settings has several lines, but others in the file may, such as
// a private key.
func quotedLines(raw, rest string) string {
	raw = strings.TrimLeft(raw, " \t")
	if _, _, closed := cutQuoted(raw); closed || raw == "" || !strings.ContainsRune(`'"`, rune(raw[0])) {
		return ""
	}
	_, behind, closed := cutQuoted(raw + "\n" + rest)
	line, _, _ := strings.Cut(behind, "\n")
	if !closed || !isComment(line) {
		return "" // The line is broken, or the quotation mark is part of the text.
	}
	return rest[:len(rest)-len(behind)+len(line)]
}

// readSetting returns the value of a setting's text. The same rules apply to the
// environment and .env, since tools such as `docker run --env-file` pass a file's lines
// on with their quotation marks. Only comments differ: a file may have them. One in the
// environment fails: it comes from a tool that doesn't know comments.
func readSetting(raw string, isFile bool) (string, error) {
	text := strings.TrimSpace(raw)
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", errors.New("must be one line without control characters")
	}
	if text != "" && strings.ContainsRune(`'"`, rune(text[0])) {
		value, behind, closed := cutQuoted(text)
		if !closed || !isComment(behind) {
			return "", errors.New("has a quotation mark that is not closed, or text after the closing one")
		}
		if text[0] == '\'' {
			return value, nil
		}
		return unescape(value)
	}
	if at := commentBegin().FindStringIndex(raw); at != nil {
		if !isFile {
			return "", errors.New(`has a "#" after a space, which begins a comment in a file: leave the comment out, or put the value in quotation marks`)
		}
		text = strings.TrimSpace(raw[:at[0]])
	}
	return text, checkExpansion(text)
}

// cutQuoted splits a text that begins with a quotation mark. In double quotation marks a
// backslash escapes the next character.
func cutQuoted(text string) (value, behind string, closed bool) {
	if text == "" {
		return "", "", false
	}
	mark := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && mark == '"':
			i++
		case text[i] == mark:
			return text[1:i], text[i+1:], true
		}
	}
	return "", "", false
}

// unescape returns the value of a text in double quotation marks.
func unescape(text string) (string, error) {
	var value, plain strings.Builder // plain has the characters that aren't escaped.
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			value.WriteByte(text[i])
			plain.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) || !strings.ContainsRune(`"\$`, rune(text[i])) {
			return "", errors.New(`has a backslash in double quotation marks that is not before ", \ or $: write \\ for a backslash`)
		}
		value.WriteByte(text[i])
		plain.WriteByte('\\')
	}
	return value.String(), checkExpansion(plain.String())
}

// checkExpansion fails for text like ${NAME}, which other tools would replace by the
// variable's value. A dollar sign alone is fine: passwords have them.
func checkExpansion(text string) error {
	if regexp.MustCompile(`\$(\{[A-Za-z_]\w*[}:?+-]|\([A-Za-z_]\w*\))`).MatchString(text) {
		return errors.New("contains a variable like ${NAME}, but nothing is expanded: write its value, or put all in single quotation marks to keep the text as it is")
	}
	return nil
}

// isComment reports whether text is blank or a comment.
func isComment(text string) bool {
	blank := strings.TrimSpace(text) == ""
	return blank || strings.HasPrefix(strings.TrimSpace(text), "#") && text[0] != '#'
}

// commentBegin matches where a comment begins.
func commentBegin() *regexp.Regexp { return regexp.MustCompile(`\s#`) }
