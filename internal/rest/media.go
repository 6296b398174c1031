package rest

import (
	"mime"
	"net/http"
	"strings"
)

const (
	jsonType   = "application/json"
	streamType = "application/connect+json" // A Connect stream whose messages are JSON.
	eventType  = "text/event-stream"        // Server-sent events. They are always UTF-8.
	identity   = "identity"                 // No content coding (RFC 9110 section 12.5.3).
)

// isJSON reports whether a header declares a JSON body. The only parameter allowed is
// the charset UTF-8, which JSON always has (RFC 8259 section 8.1).
func isJSON(header http.Header) bool {
	values := header["Content-Type"]
	if len(values) != 1 {
		return false
	}
	mediaType, params, err := mime.ParseMediaType(values[0])
	if err != nil || mediaType != jsonType {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// isEncoded reports whether a header declares a content coding. Members can't be
// inserted into a compressed body.
func isEncoded(header http.Header) bool {
	for _, value := range header["Content-Encoding"] {
		if value != "" && !strings.EqualFold(value, identity) {
			return true
		}
	}
	return false
}
