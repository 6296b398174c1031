package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxQuoted bounds what an error quotes of a request, in bytes.
const maxQuoted = 64

// members returns the members that the path, headers and the query add to the message's
// JSON object, separated by commas, without braces. It fails, with a message for the caller,
// when a value doesn't fit its field.
func (rt *route) members(segments []string, r *http.Request) ([]byte, error) {
	var members []byte
	for _, v := range rt.variables {
		var err error
		if members, err = appendMember(members, v.field, segments[v.segment]); err != nil {
			return nil, fmt.Errorf("path variable %q %w", v.field.JSONName(), err)
		}
	}
	var err error
	var sent headerFields
	if members, sent, err = rt.appendHeaders(members, r.Header); err != nil {
		return nil, err
	}
	rawQuery := r.URL.RawQuery
	if rawQuery == "" {
		return members, nil
	}
	if rt.hasBody {
		return nil, errors.New("this method takes its fields in the body; send the request without a query")
	}
	return rt.appendQuery(members, rawQuery, sent)
}

// headerFields are the fields that headers have given already.
type headerFields struct {
	seen       []protoreflect.FieldNumber // The query must not have them too.
	overridden protoreflect.FieldNumber   // The query's value is dropped; 0 for none.
}

// appendHeaders appends the members that headers stand for: If-Match and Last-Event-ID.
func (rt *route) appendHeaders(members []byte, header http.Header) (appended []byte, sent headerFields, err error) {
	if rt.isConditional(header) {
		etag, isCondition, err := ifMatch(header)
		if err == nil && isCondition {
			sent.seen = append(sent.seen, rt.etag.Number())
			if members, err = appendMember(members, rt.etag, etag); err != nil {
				err = errIfMatch
			}
		}
		if err != nil {
			return nil, sent, err
		}
	}
	if rt.lastEventID != nil {
		id, isSent, err := lastEventID(header)
		if err == nil && isSent {
			sent.overridden = rt.lastEventID.Number()
			if members, err = appendMember(members, rt.lastEventID, id); err != nil {
				err = errLastEventID
			}
		}
		if err != nil {
			return nil, sent, err
		}
	}
	return members, sent, nil
}

// isConditional reports whether a request has an If-Match that counts. Methods without a
// field for it ignore the header, as they do any other.
func (rt *route) isConditional(header http.Header) bool {
	return rt.etag != nil && len(header["If-Match"]) > 0
}

// appendQuery appends the members that a query names. A client that continues a stream
// sends its first query again, so Last-Event-ID overrides the query. The values of a
// repeated field are those of all parameters of its name, in their order.
//
// It parses the query itself, since [url.ParseQuery] continues after a pair that it
// can't parse, and its map loses the order.
func (rt *route) appendQuery(members []byte, rawQuery string, sent headerFields) ([]byte, error) {
	var arrays arrays
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, err := decodePair(pair)
		if err != nil {
			return nil, err
		}
		field, err := rt.queryField(name)
		if err != nil {
			return nil, err
		}
		if field.IsList() {
			if err := arrays.add(field, value); err != nil {
				return nil, fmt.Errorf("query parameter %q %w", field.JSONName(), err)
			}
			continue
		}
		if slices.Contains(sent.seen, field.Number()) {
			return nil, fmt.Errorf("query parameter %q is given more than once, in either spelling or as a header", field.JSONName())
		}
		sent.seen = append(sent.seen, field.Number())
		if field.Number() == sent.overridden {
			continue
		}
		if members, err = appendMember(members, field, value); err != nil {
			return nil, fmt.Errorf("query parameter %q %w", field.JSONName(), err)
		}
	}
	return arrays.appendTo(members), nil
}

// arrays are the members of repeated fields, in the order in which a query names them
// first.
type arrays []array

// array is the member of a repeated field, but for the bracket at its end.
type array struct {
	field  protoreflect.FieldDescriptor
	member []byte
}

// add adds a value to those of a field.
func (as *arrays) add(field protoreflect.FieldDescriptor, value string) (err error) {
	i := slices.IndexFunc(*as, func(a array) bool { return a.field.Number() == field.Number() })
	if i < 0 {
		i = len(*as)
		*as = append(*as, array{field: field, member: append(appendString(nil, field.JSONName()), ":["...)})
	} else {
		(*as)[i].member = append((*as)[i].member, ',')
	}
	(*as)[i].member, err = appendValue((*as)[i].member, field, value)
	return err
}

// appendTo appends the arrays to the members of an object.
func (as *arrays) appendTo(members []byte) []byte {
	for _, a := range *as {
		if len(members) > 0 {
			members = append(members, ',')
		}
		members = append(append(members, a.member...), ']')
	}
	return members
}

// decodePair decodes a pair of a query as HTML forms encode it, with '+' for a space.
// An unescaped ';' fails: some parsers take it for a separator, as it once was.
func decodePair(pair string) (name, value string, err error) {
	if strings.Contains(pair, ";") {
		return "", "", errors.New("the query has a ';': separate parameters by '&', or write it as %3B")
	}
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err = url.QueryUnescape(rawName)
	if err == nil {
		value, err = url.QueryUnescape(rawValue)
	}
	if err != nil {
		return "", "", errors.New("the query is not percent-encoded correctly: two hexadecimal digits must follow each '%'")
	}
	if !utf8.ValidString(name) {
		return "", "", errors.New("the query has a parameter whose name is not UTF-8")
	}
	return name, value, nil
}

// queryField returns the field that a query parameter names, in either spelling. As in
// protobuf's JSON, the JSON name takes precedence.
func (rt *route) queryField(name string) (protoreflect.FieldDescriptor, error) {
	field := rt.fields.ByJSONName(name)
	if field == nil {
		field = rt.fields.ByTextName(name)
	}
	switch {
	case field == nil && len(rt.queryable) == 0:
		return nil, fmt.Errorf("query parameter %s is unknown; this path takes none", quote(name))
	case field == nil:
		return nil, fmt.Errorf("query parameter %s is unknown; this path takes %s",
			quote(name), strings.Join(rt.queryable, ", "))
	case rt.inPath(field):
		return nil, fmt.Errorf("query parameter %q is in the path already", field.JSONName())
	case !isQueryable(field):
		return nil, fmt.Errorf("query parameter %q can't be given in a query: the field is a message", field.JSONName())
	}
	return field, nil
}

// quote returns the start of s, quoted and without control characters.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:maxQuoted], "") + "…")
}

// appendMember appends a field's member to those of an object.
func appendMember(members []byte, field protoreflect.FieldDescriptor, value string) ([]byte, error) {
	members = slices.Grow(members, len(field.JSONName())+len(value)+len(`,"":""`))
	if len(members) > 0 {
		members = append(members, ',')
	}
	members = appendString(members, field.JSONName())
	members = append(members, ':')
	return appendValue(members, field, value)
}
