package rest

import (
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// nextPrefix begins the name of the response's field that says where to continue, as in
// page_token and next_page_token (AIP-158). A stream whose messages have a field next_x is
// continued by the request's field x: the first is the id of each event, and the header
// Last-Event-ID stands for the second.
const nextPrefix = "next_"

// resumption returns the fields by which a stream is continued: that of the request, and
// the name of the messages'. The former is nil when the stream has no such fields.
func resumption(method protoreflect.MethodDescriptor) (protoreflect.FieldDescriptor, protoreflect.Name, error) {
	var found protoreflect.FieldDescriptor
	fields := method.Input().Fields()
	for i := range fields.Len() {
		name := fields.Get(i).Name()
		if stringField(method.Input(), name) == nil || stringField(method.Output(), nextPrefix+name) == nil {
			continue
		}
		if found != nil {
			return nil, "", fmt.Errorf("Last-Event-ID may be %s or %s", found.Name(), name)
		}
		found = fields.Get(i)
	}
	if found == nil {
		return nil, "", nil
	}
	return found, nextPrefix + found.Name(), nil
}

// errLastEventID rejects a header Last-Event-ID that is no id of an event.
var errLastEventID = errors.New("the header Last-Event-ID must be the id of one event, in UTF-8")

// lastEventID returns the value that a request's Last-Event-ID stands for, or false when it
// has none. An empty one is none, as in browsers.
func lastEventID(header http.Header) (id string, isSent bool, err error) {
	lines := header["Last-Event-Id"]
	if len(lines) > 1 {
		return "", false, errLastEventID
	}
	if len(lines) == 0 || lines[0] == "" {
		return "", false, nil
	}
	return lines[0], true, nil
}
