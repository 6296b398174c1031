package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

func gzipped(tb testing.TB, messages ...[]byte) []byte {
	tb.Helper()
	var sent bytes.Buffer
	for _, message := range messages {
		w, err := gzip.NewWriterLevel(&sent, gzip.BestCompression)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(message); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return sent.Bytes()
}

// padded is a message of a size.
func padded(size int) []byte {
	const empty = `{"pageSize":1}`
	return append([]byte(empty), bytes.Repeat([]byte(" "), size-len(empty))...)
}

// emptyBlocks is the beginning of a gzip stream in which there is nothing, in
// as many blocks as take the longest to read: each has a table of codes.
func emptyBlocks(tb testing.TB) []byte {
	tb.Helper()
	stream := gzipped(tb, nil)[:10] // The header.
	var bits uint64
	var have int
	put := func(value uint64, count int) { // The lowest bit first (RFC 1951 section 3.1.1).
		bits |= value << have
		for have += count; have >= 8; have -= 8 {
			stream = append(stream, byte(bits))
			bits >>= 8
		}
	}
	for len(stream) < maxMessageBytes-1<<10 {
		put(0b100, 3) // Not the last, dynamic codes (section 3.2.7).
		put(0, 5)     // 257 literals and lengths.
		put(0, 5)     // 1 distance.
		put(18-4, 4)  // 18 lengths of codes of lengths.
		for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
			put(map[int]uint64{18: 1, 0: 2, 1: 2}[symbol], 3)
		}
		put(0b0, 1) // 18: 138 and 118 zeros.
		put(138-11, 7)
		put(0b0, 1)
		put(118-11, 7)
		put(0b11, 2) // The end of a block has a code of one bit.
		put(0b01, 2) // The distance has none.
		put(0b0, 1)  // The end of the block.
	}
	return stream
}

func TestACompressedMessageIsReadToItsBoundAndNoFurther(t *testing.T) {
	t.Parallel()
	const (
		fits        = "200"
		decoded     = "the request is larger than 65536 bytes"
		sent        = "the compressed request is larger than 16384 bytes"
		notComplete = "unexpected EOF"
	)
	members := make([][]byte, 0, 1000)
	for range cap(members) {
		members = append(members, nil)
	}
	handler, authorization := newTodoServer(t, testConfig()), "Bearer alice"
	for _, test := range []struct {
		name string
		body []byte
		want string
	}{
		{"small", gzipped(t, padded(100)), fits},
		{"up to the bound", gzipped(t, padded(maxMessageBytes)), fits},
		{"a byte more", gzipped(t, padded(maxMessageBytes+1)), decoded},
		{"a bomb", gzipped(t, make([]byte, 60<<20)), decoded},
		{"blocks without end", emptyBlocks(t), sent},
		{"a message and members without end", gzipped(t, append([][]byte{padded(100)}, members...)...), sent},
		{"the beginning of one", gzipped(t, padded(100))[:30], notComplete},
	} {
		for name, call := range map[string]struct {
			contentType, encoding string
			body                  []byte
		}{
			"Connect":  {"application/json", "Content-Encoding", test.body},
			"gRPC-Web": {"application/grpc-web+json", "Grpc-Encoding", append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(test.body))), test.body...)},
		} {
			r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceListTodosProcedure, bytes.NewReader(call.body))
			r.Header.Set("Authorization", authorization)
			r.Header.Set("Content-Type", call.contentType)
			r.Header.Set(call.encoding, "gzip")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			answer := w.Header().Get("Grpc-Message")
			if answer == "" && w.Code == http.StatusOK {
				answer = fits
			} else if answer == "" {
				answer = w.Body.String()
			}
			if !strings.Contains(answer, test.want) || strings.Contains(answer, "configured max") {
				t.Errorf("%s over %s: %q, want %q", test.name, name, answer, test.want)
			}
		}
	}
}

func TestHealthAndReflectionTakeNoCompression(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Reflection = true
	handler := newTodoServer(t, cfg)
	message := gzipped(t, nil)
	for _, path := range []string{
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	} {
		body := append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(message))), message...)
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, bytes.NewReader(body))
		r.ProtoMajor = 2
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Grpc-Encoding", "gzip")
		r.Header.Set("Grpc-Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		trailer := w.Result().Trailer
		if trailer.Get("Grpc-Status") != "12" || w.Header().Get("Grpc-Encoding") != "" {
			t.Errorf("%s: %v, %v", path, w.Header(), trailer)
		}
	}
}

// BenchmarkCompressedBody compares what a plain body of the largest size costs
// with compressed ones that make the most work.
func BenchmarkCompressedBody(b *testing.B) {
	for _, body := range []struct {
		name       string
		compressed bool
		bytes      []byte
	}{
		{"plain", false, padded(maxMessageBytes)},
		{"compressed", true, gzipped(b, padded(maxMessageBytes))},
		{"bomb", true, gzipped(b, make([]byte, 60<<20))},
		{"blocks", true, emptyBlocks(b)},
	} {
		b.Run(body.name, func(b *testing.B) {
			handler, authorization := newTodoServer(b, testConfig()), "Bearer alice"
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceListTodosProcedure, io.NopCloser(bytes.NewReader(body.bytes)))
				r.Header.Set("Authorization", authorization)
				r.Header.Set("Content-Type", "application/json")
				if body.compressed {
					r.Header.Set("Content-Encoding", "gzip")
				}
				handler.ServeHTTP(&discard{header: make(http.Header)}, r)
			}
		})
	}
}

func TestLongAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	handler, authorization := newTodoServer(t, testConfig()), "Bearer alice"
	for path, want := range map[string]string{
		"/api/todos": "gzip",
		"/api/todos/0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53": "",
	} {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); w.Code != http.StatusOK || got != want {
			t.Errorf("%s: %d, Content-Encoding %q, want %q", path, w.Code, got, want)
			continue
		}
		if want == "" {
			continue
		}
		reader, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(reader); err != nil || !strings.HasPrefix(string(body), `{"todos":[`) {
			t.Errorf("%s: %.40q, %v", path, body, err)
		}
	}
}
