package rpc

import "encoding/base64"

// decodeLayout returns the bytes of an etag or a token in base64url: size of them, of
// which the first is the version of their layout. It reports false for any other text.
func decodeLayout(text string, version byte, size int) ([]byte, bool) {
	// The text's length is checked too, because the decoder ignores line breaks.
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) == size && raw[0] == version
}
