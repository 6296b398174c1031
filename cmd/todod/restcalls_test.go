package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// restTransport sends the calls of a Connect client that writes JSON as REST, by
// the google.api.http option of their methods. REST's answers are Connect's, so
// they go back as they are; those of streams become Connect's again.
type restTransport struct {
	next http.RoundTripper // What the REST request goes to.
}

// RoundTrip implements [http.RoundTripper].
func (t restTransport) RoundTrip(call *http.Request) (*http.Response, error) {
	message, err := io.ReadAll(call.Body)
	_ = call.Body.Close()
	if err != nil {
		return nil, err
	}
	method, err := methodAt(call.URL.Path)
	if err != nil {
		return nil, err
	}
	if method.IsStreamingServer() {
		if message, err = openEnvelope(message); err != nil {
			return nil, err
		}
	}
	verb, target, body, err := restCall(method, message)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method.FullName(), err)
	}
	req, err := http.NewRequestWithContext(call.Context(), verb, "http://"+call.URL.Host+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return res, err
	}
	if method.IsStreamingServer() {
		return res, streamResponse(res)
	}
	if res.StatusCode != http.StatusOK {
		return res, nil
	}
	return res, checkStrictly(res, method.Output())
}

func TestTheRESTClientCallsNothingButREST(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	client, ear := s.client(t, "REST", s.issuer.Token("u"))
	eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
		var sent *http.Request
		ear.edit = func(req *http.Request) { sent = req }
		err := call(t.Context(), client, rpc, sample)
		if code := connect.CodeOf(err); err != nil && code != connect.CodeNotFound {
			t.Errorf("%s: %v", rpc.Name(), err)
		}
		if sent == nil || !strings.HasPrefix(sent.URL.Path, "/api/") || sent.Header.Get("Connect-Protocol-Version") != "" {
			t.Errorf("%s is sent as %+v", rpc.Name(), sent)
		}
	})
}

// methodAt returns the method that a Connect call's path names.
func methodAt(path string) (protoreflect.MethodDescriptor, error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok || method.IsStreamingClient() {
		return nil, fmt.Errorf("%s is no method with a single request", name)
	}
	return method, nil
}

// restRoute returns what a method's google.api.http option says.
func restRoute(method protoreflect.MethodDescriptor) (verb, path string, hasBody bool, err error) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule.GetPattern() == nil {
		return "", "", false, errors.New("the method has no google.api.http option")
	}
	reflected := rule.ProtoReflect()
	pattern := reflected.WhichOneof(reflected.Descriptor().Oneofs().ByName("pattern"))
	return strings.ToUpper(string(pattern.Name())), reflected.Get(pattern).String(), rule.GetBody() != "", nil
}

// restCall returns the REST request of a call whose message is given as JSON.
// Path variables are taken out of the message; what is left goes into the body
// when the option has one, and else into the query. A request without a body
// has nil for it.
func restCall(method protoreflect.MethodDescriptor, message []byte) (verb, target string, body []byte, err error) {
	verb, target, hasBody, err := restRoute(method)
	if err != nil {
		return "", "", nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(message, &members); err != nil {
		return "", "", nil, err
	}
	for {
		before, rest, found := strings.Cut(target, "{")
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		variable := method.Input().Fields().ByName(protoreflect.Name(name)).JSONName()
		values, err := bare(members[variable])
		if err != nil {
			return "", "", nil, err
		}
		delete(members, variable)
		target = before + escapeSegment(strings.Join(values, "")) + after
	}
	if hasBody {
		body, err = json.Marshal(members)
		return verb, target, body, err
	}
	query := make(url.Values)
	for name, member := range members {
		if query[name], err = bare(member); err != nil {
			return "", "", nil, err
		}
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return verb, target, nil, nil
}

// escapeSegment escapes a path variable. A colon in it is no custom verb's.
func escapeSegment(value string) string {
	return strings.ReplaceAll(url.PathEscape(value), ":", "%3A")
}

// bare returns a member's value as it stands in a path or a query, and those of
// a list one by one.
func bare(member json.RawMessage) ([]string, error) {
	switch {
	case len(member) == 0: // It was left out.
		return nil, nil
	case member[0] == '"':
		var text string
		err := json.Unmarshal(member, &text)
		return []string{text}, err
	case member[0] == '[':
		var items []json.RawMessage
		if err := json.Unmarshal(member, &items); err != nil {
			return nil, err
		}
		var values []string
		for _, item := range items {
			value, err := bare(item)
			if err != nil {
				return nil, err
			}
			values = append(values, value...)
		}
		return values, nil
	}
	return []string{string(member)}, nil
}

// checkStrictly fails when an answer has what its message doesn't, which
// Connect's clients pass over. The answer can still be read.
func checkStrictly(res *http.Response, message protoreflect.MessageDescriptor) error {
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := protoregistry.GlobalTypes.FindMessageByName(message.FullName())
	if err != nil {
		return err
	}
	return protojson.Unmarshal(body, answer.New().Interface())
}

// restError is the error in a REST answer.
func restError(body []byte) error {
	var wire struct {
		Code    connect.Code
		Message string
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return err
	}
	return connect.NewError(wire.Code, errors.New(wire.Message))
}
