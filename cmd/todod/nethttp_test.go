package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rawAnswer is the answer to a request that no client sends.
type rawAnswer struct {
	status int
	body   string
	closed bool // The connection was, afterwards.
}

// raw sends a request of HTTP/1 byte for byte, on a connection of its own.
func (s *service) raw(t *testing.T, request string) rawAnswer {
	t.Helper()
	conn := s.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("%.200q: %v", request, err)
	}
	defer res.Body.Close()
	// It may end in a reset, when the server has not read the whole request.
	body, err := io.ReadAll(res.Body)
	answer := rawAnswer{status: res.StatusCode, body: string(body), closed: err != nil}
	if answer.closed {
		return answer
	}
	// Whoever keeps the connection open answers this.
	_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n") // It may fail on one that is closed.
	next, err := http.ReadResponse(reader, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%.200q: neither closed nor answered", request)
	}
	if answer.closed = err != nil; !answer.closed {
		_ = next.Body.Close()
	}
	return answer
}

// TestWhatTheServerAnswersByItselfIsInTheDocs sends what no handler sees, and
// holds the list of docs/operations.md to it.
func TestWhatTheServerAnswersByItselfIsInTheDocs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	document, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(document), "## What the server answers by itself")
	section, _, _ = strings.Cut(section, "\n## ")
	const get = "GET /api/todos HTTP/1.1\r\nHost: a\r\n"
	for _, test := range []struct {
		cause, request string
		status         int
	}{
		{"an expectation other than `100-continue`", get + "Expect: 200-ok\r\n\r\n", 417},
		{"a transfer coding other than `chunked`", get + "Transfer-Encoding: gzip\r\n\r\n", 501},
		{"a version other than 1.0, 1.1 and 2", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
		{"no `Host`, or one that is malformed", "GET / HTTP/1.1\r\n\r\n", 400},
		{"no `Host`, or one that is malformed", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"a request line, a path or a header that is malformed", "GET /\r\nHost: a\r\n\r\n", 400},
		{"a request line, a path or a header that is malformed", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"a request line, a path or a header that is malformed", get + "a b: c\r\n\r\n", 400},
		{"a request line, a path or a header that is malformed", get + "a: \x00\r\n\r\n", 400},
		{"TLS, which ends before the service", "\x16\x03\x01\x00\x05hello\r\n\r\n", 400},
		{"a `Content-Length` that is no number, or two that differ", get + "Content-Length: x\r\n\r\n", 400},
		{"a `Content-Length` that is no number, or two that differ", get + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		{"headers of more than 64 KiB", get + "A: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", 431},
	} {
		answer := s.raw(t, test.request)
		if answer.status != test.status || !answer.closed || strings.HasPrefix(answer.body, "{") {
			t.Errorf("%s: %d %q, closed: %v", test.cause, answer.status, answer.body, answer.closed)
		}
		row := fmt.Sprintf("| %d %s | %s |", test.status, http.StatusText(test.status), test.cause)
		if !strings.Contains(section, row) {
			t.Errorf("docs/operations.md lacks the row %s", row)
		}
	}
}

// TestAConnectionEndsAfterARequestWhoseLengthIsInDoubt sends what two servers may
// read as requests of different length.
func TestAConnectionEndsAfterARequestWhoseLengthIsInDoubt(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const body, chunks = `{"title":"a"}`, "d\r\n" + `{"title":"a"}` + "\r\n0\r\n\r\n"
	const length, chunked = "Content-Length: 13\r\n", "Transfer-Encoding: chunked\r\n"
	for name, test := range map[string]struct {
		version, headers, body string
		closed                 bool
	}{
		"a length":                  {"1.1", length, body, false},
		"chunks":                    {"1.1", chunked, chunks, true},
		"a length and chunks":       {"1.1", length + chunked, chunks, true},
		"chunks and a length":       {"1.1", chunked + length, chunks, true},
		"HTTP/1.0":                  {"1.0", "Connection: keep-alive\r\n" + length, body, true},
		"HTTP/1.0 and chunks":       {"1.0", "Connection: keep-alive\r\n" + chunked + length, body, true},
		"a length without a token":  {"1.1", length + "Authorization: none\r\n", body, false},
		"both, and without a token": {"1.1", length + chunked + "Authorization: none\r\n", chunks, true},
	} {
		answer := s.raw(t, "POST /api/todos HTTP/"+test.version+"\r\nHost: a\r\nContent-Type: application/json\r\n"+
			test.headers+"Authorization: "+s.bearer("u")[1]+"\r\n\r\n"+test.body)
		want := 200
		if strings.Contains(test.headers, "Authorization") {
			want = 401
		}
		if answer.status != want || answer.closed != test.closed {
			t.Errorf("%s: %d %s, closed: %v", name, answer.status, answer.body, answer.closed)
		}
	}
}
