package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
)

const createPath = "/todo.v1.TodoService/CreateTodo"

// bomb is 64 MiB of zeros, compressed to less than 64 KiB.
func bomb(t *testing.T) []byte {
	t.Helper()
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

// frame is a message in gRPC's envelope, which claims a length of its own.
func frame(flags byte, length uint32, message []byte) string {
	return string([]byte{flags, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}) + string(message)
}

func TestLyingBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	zeros := bomb(t)
	for _, test := range []struct {
		name, contentType, body string
		headers                 []string
		want                    connect.Code
	}{
		{"a gzip bomb over Connect", "application/json", string(zeros), []string{"Content-Encoding", "gzip"}, connect.CodeResourceExhausted},
		{"a gzip bomb over gRPC-Web", "application/grpc-web", frame(1, uint32(len(zeros)), zeros), []string{"Grpc-Encoding", "gzip"}, connect.CodeResourceExhausted},
		{"what is no gzip", "application/json", "{}", []string{"Content-Encoding", "gzip"}, connect.CodeInvalidArgument},
		{"a frame that claims 4 GiB", "application/grpc-web", frame(0, 1<<32-1, nil), nil, connect.CodeResourceExhausted},
		{"a frame of broken protobuf", "application/grpc-web", frame(0, 1, []byte{0xff}), nil, connect.CodeInvalidArgument},
		{"a frame that ends early", "application/grpc-web", frame(0, 10, []byte("abc")), nil, connect.CodeInvalidArgument},
	} {
		headers := append(append(s.bearer("u"), "Content-Type", test.contentType), test.headers...)
		res := s.do(t, "POST", createPath, test.body, headers...)
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		// Whatever the code, it is no fault of this side.
		if line["code"] != test.want.String() || line["level"] != "INFO" {
			t.Errorf("%s: %v %s", test.name, line, res.body)
		}
	}
}

func TestAConnectionServesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.dial(t)
	// Without a token the first body is never read; the second request
	// comes after it all the same.
	body := strings.Repeat("x", 60_000)
	_, err := fmt.Fprintf(conn, "POST /api/todos HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"+
		"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(answers, []byte("HTTP/1.1 401 ")) || !bytes.Contains(answers, []byte("HTTP/1.1 200 OK")) {
		t.Errorf("%s", answers)
	}
}

func TestABodyThatNeverEndsIsGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, protocols := range map[string]func(*http.Protocols, bool){
		"HTTP/1.1": (*http.Protocols).SetHTTP1,
		"HTTP/2":   (*http.Protocols).SetUnencryptedHTTP2,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			only := new(http.Protocols)
			protocols(only, true)
			transport := &http.Transport{Protocols: only}
			t.Cleanup(transport.CloseIdleConnections)
			body, hold := io.Pipe()
			t.Cleanup(func() { _ = hold.Close() })
			go func() { _, _ = hold.Write([]byte(`{"title":`)) }()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+createPath, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", s.bearer("u")[1])
			began := time.Now()
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			answer := read(t, res)
			if answer.status != 504 || !strings.Contains(answer.body, `"code":"deadline_exceeded"`) {
				t.Errorf("after %v: %d %s", time.Since(began), answer.status, answer.body)
			}
		})
	}
}

func TestOptionsOfTheServerIsNoException(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.dial(t)
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !bytes.Contains(answer, []byte(`{"code":"not_found"`)) {
		t.Errorf("%s %v", answer, err)
	}
}
