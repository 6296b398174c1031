package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxReflectionBytes bounds a reflection request, which is little more than a
// name. Protobuf's registry looks up every prefix of a dotted name: 64 KiB of dots
// take 50 ms, and the reflector does it three times.
const maxReflectionBytes = 1 << 10

// addReflection adds reflection, without a token. base has the options of every
// handler.
func addReflection(routes *routes, base connect.HandlerOption, health *health) {
	reflector := grpcreflect.NewReflector(grpcreflect.NamerFunc(func() []string {
		return append(slices.Clone(health.services), grpchealth.HealthV1ServiceName)
	}))
	bounds := &streamConfig{maxDuration: maxStreamDuration, maxMessages: maxStreamMessages, anonymous: true}
	options := connect.WithHandlerOptions(base, withoutCompression(), connect.WithInterceptors(newReflectionCache()))
	_, v1 := grpcreflect.NewHandlerV1(reflector, options)
	routes.procedure(procedure{name: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", stream: bounds, bidi: true, handler: v1})
	_, v1alpha := grpcreflect.NewHandlerV1Alpha(reflector, options)
	routes.procedure(procedure{name: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", stream: bounds, bidi: true, handler: v1alpha})
}

// reflectionCache caches the responses to reflection requests for files. The
// reflector takes milliseconds to encode a file with its imports, and no token is
// needed to ask for it. With the cache, each file is encoded once. The program
// links a fixed number of files, which bounds the cache.
//
// The reflector leaves out imports that it has sent on the same stream. To get
// whole responses, the cache makes each request the first of a stream for the
// reflector, and leaves out what was sent before by itself.
type reflectionCache struct {
	// encoding is held while the reflector encodes a file, so that concurrent
	// requests for a new file encode it once.
	encoding sync.Mutex

	mu      sync.Mutex
	answers map[reflectionQuery]reflectionAnswer
	files   map[string]describedFile // By their paths, for answers to share.
}

// reflectionQuery is a request for a file: by its path, or by a symbol that
// protobuf's registry does not have.
type reflectionQuery struct{ path, symbol string }

// reflectionAnswer is a file, followed by its imports.
type reflectionAnswer struct {
	files    []describedFile
	response protoreflect.MessageType // The message that they are sent in.
}

// describedFile is an encoded FileDescriptorProto.
type describedFile struct {
	path    string
	encoded []byte
}

func newReflectionCache() *reflectionCache {
	return &reflectionCache{answers: make(map[reflectionQuery]reflectionAnswer), files: make(map[string]describedFile)}
}

var _ connect.Interceptor = (*reflectionCache)(nil)

// WrapUnary implements [connect.Interceptor]; reflection is a stream.
func (*reflectionCache) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// WrapStreamingClient implements [connect.Interceptor]; there are no clients.
func (*reflectionCache) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler responds from the cache, and calls the reflector for what
// is not there.
func (c *reflectionCache) WrapStreamingHandler(reflector connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		s := &reflectionStream{StreamingHandlerConn: conn, cache: c, sent: make(map[string]bool)}
		for !s.ended {
			s.answered = false
			if err := s.ask(ctx, reflector); err != nil {
				return err
			}
		}
		return nil
	}
}

// ask calls the reflector for one request.
func (s *reflectionStream) ask(ctx context.Context, reflector connect.StreamingHandlerFunc) error {
	defer s.encoded() // After a panic, or when nothing was sent.
	return reflector(ctx, s)
}

// encoded releases the cache's encoding lock, if this stream holds it.
func (s *reflectionStream) encoded() {
	if s.encoding {
		s.encoding = false
		s.cache.encoding.Unlock()
	}
}

// find returns the cached answer to a query.
func (c *reflectionCache) find(query reflectionQuery) (reflectionAnswer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, ok := c.answers[query]
	return answer, ok
}

// keep caches the files in a response of the reflector.
func (c *reflectionCache) keep(query reflectionQuery, response protoreflect.Message, encoded protoreflect.List) reflectionAnswer {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := reflectionAnswer{response: response.Type()}
	for i := range encoded.Len() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(encoded.Get(i).Bytes(), file); err != nil {
			panic(err) // The reflector has just encoded it.
		}
		path := file.GetName()
		if _, ok := c.files[path]; !ok {
			c.files[path] = describedFile{path, encoded.Get(i).Bytes()}
		}
		answer.files = append(answer.files, c.files[path])
	}
	c.answers[query] = answer
	return answer
}

// reflectionStream is a stream as the reflector sees it: one request that is not
// in the cache, then the end.
type reflectionStream struct {
	connect.StreamingHandlerConn
	cache    *reflectionCache
	query    reflectionQuery // Of the request; zero when it asks for no file.
	encoding bool            // It holds the cache's encoding lock.
	answered bool            // The reflector has responded.
	ended    bool            // The caller has no more requests.
	sent     map[string]bool // The paths of files that were sent.
}

// Receive responds to requests that are in the cache, and returns the next one that
// is not.
func (s *reflectionStream) Receive(message any) error {
	if s.answered {
		return io.EOF
	}
	request, err := protoMessage(message)
	if err != nil {
		return err
	}
	for {
		proto.Reset(request) // Connect does not, for an empty message.
		if err := s.StreamingHandlerConn.Receive(message); err != nil {
			s.ended = true
			return err
		}
		if proto.Size(request) > maxReflectionBytes {
			return connect.NewError(connect.CodeResourceExhausted,
				fmt.Errorf("the request is larger than %d bytes", maxReflectionBytes))
		}
		s.query = queryOf(request.ProtoReflect())
		answer, ok := s.cache.find(s.query)
		if !ok && s.query.path != "" {
			s.cache.encoding.Lock()
			s.encoding = true
			answer, ok = s.cache.find(s.query) // Another stream may have encoded it.
		}
		if !ok {
			return nil
		}
		s.encoded()
		response := answer.response.New()
		set(response, "valid_host", get(request.ProtoReflect(), "host"))
		set(response, "original_request", protoreflect.ValueOfMessage(request.ProtoReflect()))
		s.fill(filesIn(response), answer.files)
		if err := s.StreamingHandlerConn.Send(response.Interface()); err != nil {
			return err
		}
	}
}

// Send sends the reflector's response, and caches it.
func (s *reflectionStream) Send(message any) error {
	s.answered = true
	response, err := protoMessage(message)
	if err != nil {
		return err
	}
	if s.query != (reflectionQuery{}) && response.ProtoReflect().Has(field(response.ProtoReflect(), "file_descriptor_response")) {
		files := filesIn(response.ProtoReflect())
		s.fill(files, s.cache.keep(s.query, response.ProtoReflect(), files).files)
	}
	s.encoded() // Before Send waits for the client to read.
	return s.StreamingHandlerConn.Send(message)
}

// fill puts the files into a response, without imports that were sent before.
func (s *reflectionStream) fill(response protoreflect.List, files []describedFile) {
	response.Truncate(0)
	for i, file := range files {
		if i == 0 || !s.sent[file.path] {
			s.sent[file.path] = true
			response.Append(protoreflect.ValueOfBytes(file.encoded))
		}
	}
}

// queryOf returns the file that a request asks for, by its path if possible, since
// there are far fewer files than symbols.
func queryOf(request protoreflect.Message) reflectionQuery {
	asked := request.WhichOneof(request.Descriptor().Oneofs().ByName("message_request"))
	if asked == nil {
		return reflectionQuery{}
	}
	value := request.Get(asked)
	switch asked.Name() {
	case "file_by_filename":
		return reflectionQuery{path: value.String()}
	case "file_containing_symbol":
		if found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(value.String())); err == nil {
			return reflectionQuery{path: found.ParentFile().Path()}
		}
		return reflectionQuery{symbol: value.String()}
	case "file_containing_extension":
		extended := protoreflect.FullName(get(value.Message(), "containing_type").String())
		number := protoreflect.FieldNumber(get(value.Message(), "extension_number").Int()) //nolint:gosec // it has 32 bits
		if found, err := protoregistry.GlobalTypes.FindExtensionByNumber(extended, number); err == nil {
			return reflectionQuery{path: found.TypeDescriptor().ParentFile().Path()}
		}
	}
	return reflectionQuery{}
}

// filesIn returns the list of files in a response.
func filesIn(response protoreflect.Message) protoreflect.List {
	files := response.Mutable(field(response, "file_descriptor_response")).Message()
	return files.Mutable(field(files, "file_descriptor_proto")).List()
}

// The messages of reflection are internal to grpcreflect, so their fields are
// looked up by name.

func field(message protoreflect.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
	return message.Descriptor().Fields().ByName(name)
}

func get(message protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return message.Get(field(message, name))
}

func set(message protoreflect.Message, name protoreflect.Name, value protoreflect.Value) {
	message.Set(field(message, name), value)
}

// protoMessage fails only for a handler of messages that are not protobuf's.
func protoMessage(message any) (proto.Message, error) {
	msg, ok := message.(proto.Message)
	if !ok {
		return nil, errors.New("not a protobuf message")
	}
	return msg, nil
}
