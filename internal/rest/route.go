package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Route is a method and how it is called over REST.
type Route struct {
	Method    string // The verb: DELETE, GET, PATCH, POST or PUT.
	Path      string // The path template in the contract.
	Procedure string // The path of the Connect call: /package.Service/Method.
}

// route is a served method.
type route struct {
	Route
	template  template
	hasBody   bool // The fields that are not in the path are in the body.
	fields    protoreflect.FieldDescriptors
	variables []variable
	queryable []string // JSON names of the fields that a query may have.

	etag        protoreflect.FieldDescriptor // The request's field for an If-Match; nil for none.
	returnsEtag bool                         // The response may have an ETag.

	streams     bool                         // The response is a stream of server-sent events.
	lastEventID protoreflect.FieldDescriptor // The request's field for a Last-Event-ID; nil for none.
	eventID     protoreflect.Name            // The messages' field with an event's id; "" for none.
}

// variable is a field whose value is a segment of the path.
type variable struct {
	segment int
	field   protoreflect.FieldDescriptor
}

// hasOption reports whether a method has a google.api.http option.
func hasOption(method protoreflect.MethodDescriptor) bool {
	return proto.HasExtension(method.Options(), annotations.E_Http)
}

// newRoute reads a method's google.api.http option. It fails when the option is
// outside the subset.
func newRoute(method protoreflect.MethodDescriptor) (*route, error) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok {
		return nil, errors.New("google.api.http is not of the type that this program is built with")
	}
	if err := checkSubset(method, rule); err != nil {
		return nil, err
	}
	r := &route{hasBody: rule.GetBody() != "", fields: method.Input().Fields()}
	r.Method, r.Path = pattern(rule)
	r.Procedure = fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	if r.hasBody && (r.Method == http.MethodGet || r.Method == http.MethodDelete) {
		return nil, fmt.Errorf("a %s request has no body", r.Method)
	}
	var err error
	if r.template, err = parseTemplate(r.Path); err != nil {
		return nil, err
	}
	if r.variables, err = bind(r.template, method.Input()); err != nil {
		return nil, err
	}
	if method.IsStreamingServer() {
		if err := r.stream(method); err != nil {
			return nil, err
		}
	}
	r.returnsEtag = !r.streams && etagField(method.Output()) != nil
	if field := etagField(method.Input()); field != nil && !r.inPath(field) {
		r.etag = field
	}
	switch {
	case !r.hasBody:
		r.queryable = r.queryableNames()
	case len(r.variables) == r.fields.Len():
		// Callers would have to send an empty object, but the OpenAPI document
		// wouldn't say so.
		return nil, fmt.Errorf(`nothing of %s is left for the body; leave out "*"`, method.Input().FullName())
	}
	return r, nil
}

// stream makes the route that of a stream. It fails for one outside of the subset.
func (rt *route) stream(method protoreflect.MethodDescriptor) error {
	switch {
	case rt.Method != http.MethodGet:
		return errors.New("a stream of server-sent events must be a GET")
	case rt.template.verb == "":
		// No standard method is a stream (AIP-136). So most requests are known not to
		// be for one without a search for their route.
		return errors.New("a stream of server-sent events needs a custom verb")
	}
	var err error
	rt.streams = true
	rt.lastEventID, rt.eventID, err = resumption(method)
	return err
}

// checkSubset fails when a method or its option is outside the served subset.
func checkSubset(method protoreflect.MethodDescriptor, rule *annotations.HttpRule) error {
	switch {
	case method.IsStreamingClient():
		return errors.New("a method whose requests are a stream can't be served as REST")
	case hasOwnJSON(method.Input()):
		return fmt.Errorf("the JSON of %s is not an object of its fields", method.Input().FullName())
	case rule.GetSelector() != "":
		return errors.New("selector is not supported")
	case len(rule.GetAdditionalBindings()) > 0:
		return errors.New("additional_bindings are not supported")
	case rule.GetResponseBody() != "":
		return errors.New("response_body is not supported")
	case rule.GetCustom() != nil:
		return errors.New("custom HTTP verbs are not supported")
	case rule.GetPattern() == nil:
		return errors.New("the option names no verb")
	case rule.GetBody() != "" && rule.GetBody() != "*":
		return fmt.Errorf(`body %q is not supported; leave it out or write "*"`, rule.GetBody())
	}
	return nil
}

// hasOwnJSON reports whether protobuf's JSON mapping writes a message in a special
// form, to which no member can be added.
func hasOwnJSON(message protoreflect.MessageDescriptor) bool {
	if message.FullName().Parent() != "google.protobuf" {
		return false
	}
	switch message.Name() {
	case "Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value",
		"BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value",
		"StringValue", "UInt32Value", "UInt64Value":
		return true
	}
	return false
}

// pattern returns the verb and the path of a rule that has one.
func pattern(rule *annotations.HttpRule) (method, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	}
	return "", ""
}

// bind finds the fields of a template's variables.
func bind(t template, input protoreflect.MessageDescriptor) ([]variable, error) {
	var variables []variable
	for i, s := range t.segments {
		if !s.isVariable() {
			continue
		}
		field := input.Fields().ByName(protoreflect.Name(s.variable))
		switch {
		case field == nil:
			return nil, fmt.Errorf("path variable %q: %s has no such field", s.variable, input.FullName())
		case !isScalar(field):
			return nil, fmt.Errorf("path variable %q: the field is repeated or a message", s.variable)
		case slices.ContainsFunc(variables, func(v variable) bool { return v.field == field }):
			return nil, fmt.Errorf("path variable %q is used twice", s.variable)
		}
		variables = append(variables, variable{segment: i, field: field})
	}
	return variables, nil
}

// inPath reports whether a field's value is a segment of the path.
func (rt *route) inPath(field protoreflect.FieldDescriptor) bool {
	return slices.ContainsFunc(rt.variables, func(v variable) bool { return v.field.Number() == field.Number() })
}

func (rt *route) queryableNames() []string {
	var names []string
	for i := range rt.fields.Len() {
		if field := rt.fields.Get(i); isQueryable(field) && !rt.inPath(field) {
			names = append(names, field.JSONName())
		}
	}
	return names
}

// routes are all served methods.
type routes []*route

// find returns the narrowest route that matches a verb and a path, or nil.
func (rs routes) find(method string, p path) *route {
	isHead := method == http.MethodHead
	if isHead {
		method = http.MethodGet
	}
	var found *route
	for _, r := range rs {
		if r.Method != method || !r.template.match(p) || isHead && r.streams {
			continue
		}
		if found == nil || r.template.narrower(found.template) {
			found = r
		}
	}
	return found
}

// allow lists the verbs that a path serves, sorted; "" when nothing is served there.
func (rs routes) allow(p path) string {
	var methods []string
	for _, r := range rs {
		if !r.template.match(p) {
			continue
		}
		methods = append(methods, r.Method)
		if r.Method == http.MethodGet && !r.streams { // A HEAD would last as long as the stream.
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}
