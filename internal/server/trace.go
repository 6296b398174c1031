package server

import (
	"context"
	"net/http"
	"strings"
)

// SetTraceID notes, for the log, the ID of the trace that a request belongs to.
func SetTraceID(ctx context.Context, id string) { stateOf(ctx).traceID = id }

// callersTraceID returns the trace ID that a caller sent, or "" when there is none or
// the header is malformed (W3C Trace Context, section 3.2).
func callersTraceID(header http.Header) string {
	values := header["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	value := values[0]
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(value) < length || value[2] != '-' || value[35] != '-' || value[52] != '-' {
		return ""
	}
	version, id, parent, flags := value[:2], value[3:35], value[36:52], value[53:55]
	switch {
	case !isLowerHex(version + id + parent + flags), version == "ff", strings.Trim(id, "0") == "", strings.Trim(parent, "0") == "":
		return ""
	case len(value) > length && (version == "00" || value[length] != '-'): // Later versions may have more.
		return ""
	}
	return id
}

func isLowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
