package rest_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/emptypb"     // Registers what newFile imports.
	_ "google.golang.org/protobuf/types/known/timestamppb" // Likewise.

	"example.com/todo-backend/internal/rest"
)

// method is an RPC of a service made for a test.
type method struct {
	name         string
	rule         *annotations.HttpRule // nil for no option.
	input        string                // ".test.v1.Request" when empty.
	output       string                // ".test.v1.Inner" when empty.
	stream       bool                  // Of responses.
	clientStream bool
}

// newService returns the descriptor of test.v1.TestService. Its messages are
// those of newFile.
func newService(tb testing.TB, methods ...method) protoreflect.ServiceDescriptor {
	tb.Helper()
	file := newFile()
	service := &descriptorpb.ServiceDescriptorProto{Name: new("TestService")}
	for _, m := range methods {
		input, output := cmp.Or(m.input, ".test.v1.Request"), cmp.Or(m.output, ".test.v1.Inner")
		options := &descriptorpb.MethodOptions{}
		if m.rule != nil {
			proto.SetExtension(options, annotations.E_Http, m.rule)
		}
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name:            new(m.name),
			InputType:       new(input),
			OutputType:      new(output),
			Options:         options,
			ServerStreaming: new(m.stream),
			ClientStreaming: new(m.clientStream),
		})
	}
	file.Service = append(file.Service, service)
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return descriptor.Services().ByName("TestService")
}

// newFile returns a file with the message Request, which has a field of every
// kind but group, named like string_field, and besides them a string id, repeated
// tags, colors, times and inners, a time, and a oneof of one and two. Cursors has one
// and two, and NextCursors next_one and next_two.
func newFile() *descriptorpb.FileDescriptorProto {
	field := func(number int32, name string, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name:   new(name),
			Number: new(number),
			Type:   kind.Enum(),
			Label:  descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	const text = descriptorpb.FieldDescriptorProto_TYPE_STRING
	request := &descriptorpb.DescriptorProto{
		Name:      new("Request"),
		OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: new("choice")}},
	}
	for kind := descriptorpb.FieldDescriptorProto_TYPE_DOUBLE; kind <= descriptorpb.FieldDescriptorProto_TYPE_SINT64; kind++ {
		f := field(int32(kind), protoreflect.Kind(kind).String()+"_field", kind)
		switch kind {
		case descriptorpb.FieldDescriptorProto_TYPE_GROUP:
			continue
		case descriptorpb.FieldDescriptorProto_TYPE_MESSAGE:
			f.TypeName = new(".test.v1.Inner")
		case descriptorpb.FieldDescriptorProto_TYPE_ENUM:
			f.TypeName = new(".test.v1.Color")
		default:
		}
		request.Field = append(request.Field, f)
	}
	tags, one, two := field(31, "tags", text), field(32, "one", text), field(33, "two", text)
	tags.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	one.OneofIndex, two.OneofIndex = new(int32(0)), new(int32(0))
	request.Field = append(request.Field, field(30, "id", text), tags, one, two)
	for i, typeName := range []string{".test.v1.Color", ".google.protobuf.Timestamp", ".test.v1.Inner", ".google.protobuf.Timestamp"} {
		kind := descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
		if i == 0 {
			kind = descriptorpb.FieldDescriptorProto_TYPE_ENUM
		}
		f := field(int32(34+i), []string{"colors", "times", "inners", "time"}[i], kind)
		f.TypeName = &typeName
		if i < 3 {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		request.Field = append(request.Field, f)
	}
	return &descriptorpb.FileDescriptorProto{
		Name:       new("test/v1/test.proto"),
		Package:    new("test.v1"),
		Syntax:     new("proto3"),
		Dependency: []string{"google/protobuf/empty.proto", "google/protobuf/timestamp.proto"},
		MessageType: []*descriptorpb.DescriptorProto{request, {
			Name:  new("Inner"),
			Field: []*descriptorpb.FieldDescriptorProto{field(1, "text", text)},
		}, {
			Name:  new("Cursors"),
			Field: []*descriptorpb.FieldDescriptorProto{field(1, "one", text), field(2, "two", text)},
		}, {
			Name:  new("NextCursors"),
			Field: []*descriptorpb.FieldDescriptorProto{field(1, "next_one", text), field(2, "next_two", text)},
		}},
		EnumType: []*descriptorpb.EnumDescriptorProto{{
			Name: new("Color"),
			Value: []*descriptorpb.EnumValueDescriptorProto{
				{Name: new("COLOR_UNSPECIFIED"), Number: new(int32(0))},
				{Name: new("COLOR_RED"), Number: new(int32(1))},
			},
		}},
	}
}

func get(path string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: path}}
}

func deletes(path string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Delete{Delete: path}}
}

func post(path, body string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: path}, Body: body}
}

func patch(path, body string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Patch{Patch: path}, Body: body}
}

func put(path, body string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Put{Put: path}, Body: body}
}

// items is a service with a method of each verb, custom verbs, and streams.
func items(tb testing.TB) protoreflect.ServiceDescriptor {
	tb.Helper()
	return newService(tb,
		method{name: "List", rule: get("/v1/items")},
		method{name: "Create", rule: post("/v1/items", "*")},
		method{name: "Get", rule: get("/v1/items/{id}")},
		method{name: "Count", rule: get("/v1/items/count")},
		method{name: "Replace", rule: put("/v1/items/{id}", "*")},
		method{name: "Update", rule: patch("/v1/items/{id}", "*")},
		method{name: "Delete", rule: deletes("/v1/items/{id}")},
		method{name: "Archive", rule: post("/v1/items/{id}/archive", "")},
		method{name: "Undelete", rule: post("/v1/items/{id}:undelete", "*")},
		method{name: "Rename", rule: patch("/v1/items/{id}:undelete", "*")},
		method{name: "Purge", rule: post("/v1/items:purge", "")},
		method{name: "Sync", rule: get("/v1/items:sync")},
		method{name: "Watch", rule: get("/v1/items:watch"), stream: true},
		method{name: "WatchOne", rule: get("/v1/items/{id}:watch"), stream: true},
		method{name: "Internal"},
	)
}

// outcome is what became of a request: it was refused, or it reached the RPC
// handler.
type outcome struct {
	refusal rest.Refusal
	header  http.Header   // Of the answer.
	call    *http.Request // What the RPC handler got; nil when refused.
	body    string        // What it could read.
	readErr error         // Why it could read no more.
}

// status returns the HTTP status that a caller gets, when all goes well behind
// the transcoder.
func (o outcome) status() int {
	switch {
	case o.call == nil:
		return o.refusal.Status
	case o.readErr == nil:
		return http.StatusOK
	case connect.CodeOf(o.readErr) == connect.CodeInvalidArgument:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// message returns what a caller is told of a failure.
func (o outcome) message() string {
	if err, ok := errors.AsType[*connect.Error](o.readErr); ok {
		return err.Message()
	}
	return o.refusal.Message
}

// serve serves one request with a transcoder of the service and an RPC handler
// that reads the whole body.
func serve(tb testing.TB, service protoreflect.ServiceDescriptor, r *http.Request) outcome {
	tb.Helper()
	var got outcome
	transcoder, err := rest.NewTranscoder(rest.Config{
		Service: service,
		RPC: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			got.call, got.body, got.readErr = r, string(body), err
		}),
		Refuse: func(_ http.ResponseWriter, _ *http.Request, refusal rest.Refusal) { got.refusal = refusal },
	})
	if err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	transcoder.ServeHTTP(w, r)
	got.header = w.Header()
	return got
}

// newRequest returns a request as a server gets it, which declares JSON. An
// empty body is none.
func newRequest(tb testing.TB, method, target, body string) *http.Request {
	tb.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, target, content)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// escapeSegment escapes a value of a path. A colon in it begins no custom verb.
func escapeSegment(value string) string {
	return strings.ReplaceAll(url.PathEscape(value), ":", "%3A")
}
