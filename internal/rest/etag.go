package rest

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// etagName is the field that has the etag of a resource, in the resource itself and in
// requests that are for one state of it (AIP-154). The field has the entity tag's text
// without the quotes.
//
// The header ETag is strong: it identifies the resource's content. It is the same for
// the compressed and the plain response, which matters to caches and ranges only;
// responses here have neither.
const etagName = "etag"

// etagField returns a message's field for an etag, or nil when it has none.
func etagField(message protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	return stringField(message, etagName)
}

// errIfMatch rejects a header If-Match that names no etag, or several.
var errIfMatch = errors.New(`the header If-Match must be one etag in double quotes, or *`)

// ifMatch returns the member's value that a request's If-Match stands for, or false for
// no condition. `*` is none: a resource that isn't there fails every such call.
//
// One etag is the most that the field can have. A weak one goes into the field as it is,
// and so matches nothing (RFC 9110 section 13.1.1).
func ifMatch(header http.Header) (etag string, isCondition bool, err error) {
	lines := header["If-Match"]
	if len(lines) == 0 {
		return "", false, nil
	}
	tags, isAny, ok := parseTags(lines)
	switch {
	case !ok, !isAny && len(tags) != 1:
		return "", false, errIfMatch
	case isAny:
		return "", false, nil
	case tags[0].isWeak:
		return `W/"` + tags[0].opaque + `"`, true, nil
	}
	return tags[0].opaque, true, nil
}

// entityTag is an entity tag (RFC 9110 section 8.8.3).
type entityTag struct {
	opaque string // Without the quotes.
	isWeak bool
}

// parseTags parses the lines of If-Match or If-None-Match: a list of entity tags, or `*`.
func parseTags(lines []string) (tags []entityTag, isAny, ok bool) {
	rest := strings.Trim(strings.Join(lines, ","), " \t")
	if rest == "*" {
		return nil, true, true
	}
	for isNext := true; ; isNext = false {
		trimmed := strings.TrimLeft(rest, " \t,") // Elements may be empty (section 5.6.1.2).
		if trimmed == "" {
			return tags, false, true
		}
		if !isNext && !strings.Contains(rest[:len(rest)-len(trimmed)], ",") {
			return nil, false, false
		}
		text, isWeak := strings.CutPrefix(trimmed, "W/")
		text, isQuoted := strings.CutPrefix(text, `"`)
		opaque, after, isClosed := strings.Cut(text, `"`)
		if !isQuoted || !isClosed || strings.ContainsFunc(opaque, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, false, false
		}
		tags, rest = append(tags, entityTag{opaque, isWeak}), after
	}
}

// notModifiedWriter responds with 304 instead of the content that the caller has (RFC 9110
// section 13.1.2). An If-None-Match that can't be parsed is ignored.
type notModifiedWriter struct {
	http.ResponseWriter
	ifNoneMatch []string
	wroteHeader bool
	notModified bool
}

func (w *notModifiedWriter) WriteHeader(status int) {
	w.wroteHeader = true
	if status == http.StatusOK && w.matches() {
		w.notModified = true
		status = http.StatusNotModified
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
			w.Header().Del(name)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *notModifiedWriter) Write(p []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.notModified {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] find the writer.
func (w *notModifiedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// matches compares by weak comparison (RFC 9110 section 8.8.3.2).
func (w *notModifiedWriter) matches() bool {
	current, isQuoted := strings.CutPrefix(w.Header().Get("Etag"), `"`)
	current, isClosed := strings.CutSuffix(current, `"`)
	if !isQuoted || !isClosed {
		return false
	}
	tags, isAny, ok := parseTags(w.ifNoneMatch)
	return ok && (isAny || slices.ContainsFunc(tags, func(tag entityTag) bool { return tag.opaque == current }))
}
