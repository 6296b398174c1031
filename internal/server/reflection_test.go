package server

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// questions counts what reaches a reflector.
type questions struct {
	asked atomic.Int64
	then  func() // Is called for each; may be nil.
}

func (*questions) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

func (*questions) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (q *questions) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, countedQuestions{conn, q})
	}
}

type countedQuestions struct {
	connect.StreamingHandlerConn
	*questions
}

func (c countedQuestions) Receive(message any) error {
	err := c.StreamingHandlerConn.Receive(message)
	if err == nil {
		c.asked.Add(1)
		if c.then != nil {
			c.then()
		}
	}
	return err
}

// openReflector returns streams to a reflector behind interceptors.
func openReflector(t *testing.T, interceptors ...connect.Interceptor) (open func() *grpcreflect.ClientStream) {
	t.Helper()
	reflector := grpcreflect.NewStaticReflector(todov1connect.TodoServiceName, grpchealth.HealthV1ServiceName)
	mux := http.NewServeMux()
	mux.Handle(grpcreflect.NewHandlerV1(reflector, connect.WithInterceptors(interceptors...)))
	server := startServer(t, mux)
	client := grpcreflect.NewClient(server.http2, server.URL, connect.WithGRPC())
	return func() *grpcreflect.ClientStream { return client.NewStream(t.Context()) }
}

// reflectors returns streams to a reflector with the cache before it, and to
// one without, and what reaches the former.
func reflectors(t *testing.T) (cached, plain func() *grpcreflect.ClientStream, reached *questions) {
	t.Helper()
	reached = new(questions)
	return openReflector(t, newReflectionCache(), reached), openReflector(t), reached
}

// ask asks one question of a stream, and returns the answer in words.
func ask(stream *grpcreflect.ClientStream, question string) (files []*descriptorpb.FileDescriptorProto, failure string) {
	var err error
	kind, about, _ := strings.Cut(question, " ")
	switch kind {
	case "file":
		files, err = stream.FileByFilename(about)
	case "symbol":
		files, err = stream.FileContainingSymbol(protoreflect.FullName(about))
	case "extension":
		files, err = stream.FileContainingExtension(protoreflect.FullName(about), 1159)
	case "numbers":
		_, err = stream.AllExtensionNumbers(protoreflect.FullName(about))
	case "services":
		_, err = stream.ListServices()
	}
	if err != nil {
		failure = err.Error()
	}
	return files, failure
}

func TestReflectionFromTheCacheIsTheReflectorsOwn(t *testing.T) {
	t.Parallel()
	const (
		file      = "file todo/v1/todo.proto"
		symbol    = "symbol todo.v1.Todo"
		imported  = "symbol buf.validate.FieldRules"
		extension = "extension google.protobuf.FieldOptions"
		health    = "symbol grpc.health.v1.Health"
		services  = "services "
		numbers   = "numbers google.protobuf.FieldOptions"
		unknown   = "symbol todo.v1.Nothing"
		unknowns  = "file nothing.proto"
		odd       = "symbol .."
	)
	cached, plain, reached := reflectors(t)
	streams := [][]string{
		{file, symbol, symbol, imported},
		{symbol, file, imported, services},
		{imported, file, health, health},
		{services, symbol, numbers, imported, extension},
		{extension, unknown, file, unknowns, odd, health, health, file},
	}
	for range 2 {
		before := reached.asked.Load()
		for _, questions := range streams {
			from, reference := cached(), plain()
			for i, question := range questions {
				got, gotFailure := ask(from, question)
				want, wantFailure := ask(reference, question)
				if gotFailure != wantFailure {
					t.Fatalf("%q: %q, want %q", questions[:i+1], gotFailure, wantFailure)
				}
				if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
					t.Fatalf("%q (-reflector +cache):\n%s", questions[:i+1], diff)
				}
			}
			for _, stream := range []*grpcreflect.ClientStream{from, reference} {
				if _, err := stream.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		all := slices.Concat(streams...)
		notForFiles := 0
		for _, question := range all {
			if slices.Contains([]string{services, numbers, unknown, unknowns, odd}, question) {
				notForFiles++
			}
		}
		// todo.proto, validate.proto and health.proto are each asked for once.
		want := map[int64]int64{0: 3}[before] + int64(notForFiles)
		if got := reached.asked.Load() - before; got != want {
			t.Errorf("%d questions reach the reflector, want %d", got, want)
		}
	}
}

// TestManyWhoAskFirstHaveAFileEncodedOnce holds up the reflector until all have asked.
func TestManyWhoAskFirstHaveAFileEncodedOnce(t *testing.T) {
	t.Parallel()
	const streams = 8
	var asking, asked sync.WaitGroup
	asking.Add(streams)
	reached := &questions{then: asking.Wait}
	open := openReflector(t, &questions{then: asking.Done}, newReflectionCache(), reached)
	for range streams {
		asked.Go(func() {
			stream := open()
			if files, failure := ask(stream, "symbol todo.v1.Todo"); len(files) == 0 || failure != "" {
				t.Errorf("%d files, %q", len(files), failure)
			}
			if _, err := stream.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	if got := reached.asked.Load(); got != 1 {
		t.Errorf("%d questions reach the reflector, want 1", got)
	}
}

func TestAQuestionThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	var failed atomic.Bool
	open := openReflector(t, newReflectionCache(), &questions{then: func() {
		if !failed.Swap(true) {
			panic(http.ErrAbortHandler)
		}
	}})
	for _, want := range []bool{false, true} {
		stream := open()
		if files, failure := ask(stream, "symbol todo.v1.Todo"); (len(files) > 0) != want {
			t.Errorf("%d files, %q", len(files), failure)
		}
		_, _ = stream.Close() // The first has failed.
	}
}

func TestALongNameIsNotLookedFor(t *testing.T) {
	t.Parallel()
	cached, _, reached := reflectors(t)
	stream := cached()
	long := strings.Repeat("a.", maxReflectionBytes/2)
	if _, err := stream.FileContainingSymbol(protoreflect.FullName(long)); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("%v", err)
	}
	if got := reached.asked.Load(); got != 0 {
		t.Errorf("%d questions reach the reflector", got)
	}
	_, _ = stream.Close() // It has failed.
}

// BenchmarkReflection compares a stream with questions for a file with a call
// that is refused for want of a token.
func BenchmarkReflection(b *testing.B) {
	cfg := testConfig()
	cfg.Reflection = true
	handler := newTodoServer(b, cfg)
	question := protowire.AppendString(protowire.AppendTag(nil, 4, protowire.BytesType), todov1connect.TodoServiceName) // file_containing_symbol
	envelope := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(question))), question...)
	long := protowire.AppendString(protowire.AppendTag(nil, 4, protowire.BytesType), strings.Repeat("a.", 32000))
	longName := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(long))), long...)
	for _, bench := range []struct {
		name, path string
		body       string
	}{
		{"refused call", "/todo.v1.TodoService/GetTodo", ""},
		{"stream of 1 question", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", string(envelope)},
		{"stream of a long name", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", string(longName)},
		{"stream of 100 questions", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", strings.Repeat(string(envelope), 100)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var size int
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, bench.path, io.NopCloser(strings.NewReader(bench.body)))
				r.ProtoMajor = 2
				r.Header.Set("Content-Type", "application/grpc")
				w := &discard{header: make(http.Header)}
				handler.ServeHTTP(w, r)
				size = w.size
			}
			b.ReportMetric(float64(size), "B-answered")
		})
	}
}
