package rpc

import (
	"context"
	"fmt"
	"io"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxReflectionBytes bounds a reflection request, which is a name. Protobuf's
// registry looks for each of the names that a dotted name begins with: 64 KiB of
// dots take it 50 ms, three times over.
const maxReflectionBytes = 1 << 10

// reflectionCache answers reflection requests for files. The reflector takes
// milliseconds to encode a file and those that it imports, and anybody may ask
// for it. Here each is encoded once; there are as many as the service links.
//
// The reflector leaves out what it has sent on the same stream. So that its
// answers are whole, each question that it gets is the first of a stream to it.
// What was sent before is left out here.
type reflectionCache struct {
	// encoding is held while the reflector encodes a file, so that many who ask
	// for it first have it encoded once.
	encoding sync.Mutex

	mu      sync.Mutex
	answers map[reflectionQuery]reflectionAnswer
	files   map[string]describedFile // By their paths, for answers to share.
}

// reflectionQuery is a file that is asked for: by its path, or by a symbol in
// it when protobuf's registry does not have that.
type reflectionQuery struct{ path, symbol string }

// reflectionAnswer is a file and, behind it, what it imports.
type reflectionAnswer struct {
	files    []describedFile
	response protoreflect.MessageType // In which they are sent.
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

// WrapUnary changes nothing: reflection is a stream.
func (*reflectionCache) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// WrapStreamingClient changes nothing.
func (*reflectionCache) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler answers from the cache, and has the reflector answer
// what isn't there.
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

// ask has the reflector answer one question.
func (s *reflectionStream) ask(ctx context.Context, reflector connect.StreamingHandlerFunc) error {
	defer s.encoded() // Where it panics, or has nothing to send.
	return reflector(ctx, s)
}

// encoded lets others encode.
func (s *reflectionStream) encoded() {
	if s.encoding {
		s.encoding = false
		s.cache.encoding.Unlock()
	}
}

// find returns the answer to a query, if there is one.
func (c *reflectionCache) find(query reflectionQuery) (reflectionAnswer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, ok := c.answers[query]
	return answer, ok
}

// keep makes an answer of the files in a reflector's response, and keeps it.
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

// reflectionStream is a stream as the reflector sees it: one question that is
// new to the cache, then the end.
type reflectionStream struct {
	connect.StreamingHandlerConn
	cache    *reflectionCache
	query    reflectionQuery // The question; zero when it is for no file.
	encoding bool            // It holds the cache's lock of that name.
	answered bool            // By the reflector.
	ended    bool            // The caller has no more questions.
	sent     map[string]bool // The paths of files.
}

// Receive answers what is in the cache and returns the next other request.
func (s *reflectionStream) Receive(message any) error {
	if s.answered {
		return io.EOF
	}
	request, err := protoMessage(message)
	if err != nil {
		return err
	}
	for {
		proto.Reset(request) // Connect leaves it as it is when nothing was sent.
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
			answer, ok = s.cache.find(s.query) // Encoded meanwhile, perhaps.
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

// Send sends the reflector's answer.
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
	s.encoded() // Before it waits for the caller to read.
	return s.StreamingHandlerConn.Send(message)
}

// fill puts the files into a response, but for imports that were sent before.
func (s *reflectionStream) fill(response protoreflect.List, files []describedFile) {
	response.Truncate(0)
	for i, file := range files {
		if i == 0 || !s.sent[file.path] {
			s.sent[file.path] = true
			response.Append(protoreflect.ValueOfBytes(file.encoded))
		}
	}
}

// queryOf returns which file a request asks for, by a path if possible: there
// are far fewer files than symbols.
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

// The messages of reflection are internal to grpcreflect, so that their fields
// are found by name.

func field(message protoreflect.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
	return message.Descriptor().Fields().ByName(name)
}

func get(message protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return message.Get(field(message, name))
}

func set(message protoreflect.Message, name protoreflect.Name, value protoreflect.Value) {
	message.Set(field(message, name), value)
}
