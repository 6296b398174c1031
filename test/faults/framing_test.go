//go:build linux

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
)

// TestBrokenFraming sends bodies with broken frames. They are the caller's fault, and the
// error is in the service's own words. The connection is closed, since its further bytes
// can't be trusted.
func TestBrokenFraming(t *testing.T) {
	r := newRow(t, "broken framing")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), nil)
	bearer := s.Issuer.Bearer("u")
	const (
		rest    = "POST /api/todos HTTP/1.1\r\nContent-Type: application/json\r\n"
		rpc     = "POST /todo.v1.TodoService/CreateTodo HTTP/1.1\r\nContent-Type: application/json\r\n"
		watch   = "POST " + watchPath + " HTTP/1.1\r\nContent-Type: application/connect+json\r\n"
		chunked = "Transfer-Encoding: chunked\r\n\r\n"
		body    = `{"title":"t"}`
	)
	sized := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	wrong, open, sent := 0, 0, 0
	for name, request := range map[string]string{
		"a chunk without a size":            chunked + "\r\n" + body,
		"a chunk's size that is no number":  chunked + "xyz\r\n" + body + "\r\n0\r\n\r\n",
		"a chunk's size beyond all numbers": chunked + "fffffffffffffffff\r\n" + body + "\r\n0\r\n\r\n",
		"a chunk that is longer than said":  chunked + "5\r\n" + body + "\r\n0\r\n\r\n",
		"a chunk's size and a line feed":    chunked + "d\n" + body + "\n0\n\n",
		"a size as long as a page":          chunked + strings.Repeat("0", 5000) + "d\r\n" + body + "\r\n0\r\n\r\n",
		"a trailer that is none":            chunked + "d\r\n" + body + "\r\n0\r\nno trailer\r\n\r\n",
	} {
		for _, method := range []string{rest, rpc} {
			sent++
			a := exchange(t, s.Address, method+"Host: x\r\nAuthorization: "+bearer+"\r\n"+request, false)
			if !a.isOurs(http.StatusBadRequest) {
				wrong++
				t.Errorf("%s: %s", name, a)
			}
			if !a.closed {
				open++
				t.Errorf("%s: the connection stays open", name)
			}
		}
	}
	for name, request := range map[string]string{
		"a length and an end before it": rest + "Content-Length: 100\r\n\r\n" + body,
		"a chunk and an end within it":  rest + chunked + "ff\r\n" + body,
		"chunks without the last one":   rest + chunked + "d\r\n" + body + "\r\n",
	} {
		sent++
		a := exchange(t, s.Address, strings.Replace(request, "\r\n", "\r\nHost: x\r\nAuthorization: "+bearer+"\r\n", 1), true)
		if !a.isOurs(http.StatusBadRequest) {
			wrong++
			t.Errorf("%s: %s", name, a)
		}
	}
	// The answer to a stream is a message of its own.
	for name, message := range map[string]string{
		"half an envelope's head":           "\x00\x00",
		"an envelope that ends early":       "\x00\x00\x00\x00\x09{}",
		"an envelope of unknown kind":       "\x7c\x00\x00\x00\x02{}",
		"an envelope of four gigabytes":     "\x00\xff\xff\xff\xff{}",
		"an envelope that isn't compressed": "\x01\x00\x00\x00\x02{}",
	} {
		for _, path := range []string{watchPath, "/todo.v1.TodoService/CreateTodo"} {
			sent++
			f := dialHTTP2(t, s.Address, readAll)
			if err := f.call(path, message, true, "content-type", "application/grpc", "te", "trailers", "authorization", bearer); err != nil {
				t.Fatal(err)
			}
			f.wait(t, "it is answered", func() bool { return f.of(1).ended })
			if h := f.of(1); h.grpc != "3" && h.grpc != "8" || foreign(h.message) != "" { // As for Connect.
				wrong++
				t.Errorf("%s, by gRPC: %s %s", name, h.grpc, h.message)
			}
			f.close()
		}
		sent++
		a := exchange(t, s.Address, watch+"Host: x\r\n"+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(message))+message, false)
		if code, found := strings.CutPrefix(a.Body[max(0, strings.Index(a.Body, `{"error"`)):], `{"error":{"code":"`); !found ||
			!strings.HasPrefix(code, "invalid_argument") && !strings.HasPrefix(code, "resource_exhausted") || foreign(a.Body) != "" {
			wrong++
			t.Errorf("%s: %s", name, a)
		}
	}
	// Two lengths may be read in two ways, by two servers (RFC 9112 6.1).
	for name, request := range map[string]string{
		"Content-Length and Transfer-Encoding": sized + chunked + "d\r\n" + body + "\r\n0\r\n\r\n",
		"Transfer-Encoding and Content-Length": "Transfer-Encoding: chunked\r\n" + sized + "\r\nd\r\n" + body + "\r\n0\r\n\r\n",
	} {
		sent++
		a := exchange(t, s.Address, rest+"Host: x\r\nAuthorization: "+bearer+"\r\n"+request, false)
		if a.Status != http.StatusOK && !a.isOurs(http.StatusBadRequest) {
			wrong++
			t.Errorf("%s: %s", name, a)
		}
		if !a.closed {
			open++
			t.Errorf("%s: the connection stays open", name)
		}
	}
	r.Did("%d bodies with broken chunks, lengths and envelopes", sent)
	r.None("not the caller's fault, or not in our words", wrong)
	r.None("connections that stay open", open)
}

// exchanged is the response to a request that no client sends.
type exchanged struct {
	stack.Answer
	closed bool // The server closed the connection.
}

func (e exchanged) String() string { return fmt.Sprintf("%d %q %v", e.Status, e.Body, e.Err) }

// isOurs reports whether the response has a status and the one JSON shape, in the
// service's own words.
func (e exchanged) isOurs(status int) bool {
	var shape struct{ Code, Message string }
	return e.Status == status && json.Unmarshal([]byte(e.Body), &shape) == nil &&
		shape.Code == "invalid_argument" && shape.Message != "" && foreign(shape.Message) == ""
}

// foreign returns the words of net/http, Connect or Go in a message, or "".
func foreign(message string) string {
	for _, words := range []string{"EOF", "http:", "malformed chunked", "malformed MIME", "chunked", "net/", "unknown", "protocol error", "read ", "promised", "enveloped"} {
		if strings.Contains(message, words) {
			return words
		}
	}
	return ""
}

// exchange sends a request, byte for byte, and then the end if that is asked
// for, and reads what comes.
func exchange(t *testing.T, address, request string, end bool) exchanged {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok && end {
		if err := tcp.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(stack.Patience)) // It works on any connection.
	reader := bufio.NewReader(conn)
	e := readAnswer(reader)
	if e.Err != nil {
		return e
	}
	// Whoever keeps a connection open would answer this.
	_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") // It fails when it is closed.
	next := readAnswer(reader)
	e.closed = next.Err != nil
	return e
}

// readAnswer reads an HTTP/1.1 answer. A buffered reader is read from no further
// than it goes.
func readAnswer(conn io.Reader) exchanged {
	reader, ok := conn.(*bufio.Reader)
	if !ok {
		reader = bufio.NewReader(conn)
	}
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		return exchanged{Answer: stack.Answer{Err: err}}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return exchanged{Answer: stack.Answer{Status: res.StatusCode, Header: res.Header, Body: string(body), Err: err}}
}
