package server

import "bytes"

// plainJSON replaces \u003c, \u003e and \u0026 by <, > and &. encoding/json
// escapes them for JSON within HTML, and errors are written by it, also by
// Connect's. In a message the escapes are hard to read.
func plainJSON(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u00`)) {
		return text
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		switch {
		case bytes.HasPrefix(text, []byte(`\u003c`)):
			plain, text = append(plain, '<'), text[6:]
		case bytes.HasPrefix(text, []byte(`\u003e`)):
			plain, text = append(plain, '>'), text[6:]
		case bytes.HasPrefix(text, []byte(`\u0026`)):
			plain, text = append(plain, '&'), text[6:]
		case text[0] == '\\' && len(text) > 1:
			// Both at once: in \\u003c it is the backslash that is escaped.
			plain, text = append(plain, text[:2]...), text[2:]
		default:
			plain, text = append(plain, text[0]), text[1:]
		}
	}
	return plain
}
