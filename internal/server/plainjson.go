package server

import "bytes"

// plainJSON undoes what encoding/json, which writes the errors, does for the
// sake of pages that put JSON into HTML: it writes <, > and & as \u003c, \u003e
// and \u0026, which nobody wants to read in a message.
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
