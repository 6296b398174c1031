package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// creates are requests with a body in every way that has one; a health watch
// stands for the streams in Connect's own protocol.
func creates() map[string]struct{ path, contentType string } {
	create := todov1connect.TodoServiceCreateTodoProcedure
	return map[string]struct{ path, contentType string }{
		"Connect JSON":       {create, "application/json"},
		"Connect binary":     {create, "application/proto"},
		"REST":               {"/api/todos", "application/json"},
		"gRPC":               {create, "application/grpc+json"},
		"gRPC-Web":           {create, "application/grpc-web+json"},
		"a stream, Connect":  {watchPath, "application/connect+json"},
		"a stream, gRPC-Web": {watchPath, "application/grpc-web+json"},
	}
}

const (
	endedEarly = "the request body ended early"
	malformed  = "the request body is malformed HTTP: its chunks or its length are wrong"
)

// TestABrokenBodyOverHTTP1IsTheCallersFault sends bodies whose framing is broken,
// byte for byte.
func TestABrokenBodyOverHTTP1IsTheCallersFault(t *testing.T) {
	t.Parallel()
	s := startWhole(t)
	const chunked, sized = "Transfer-Encoding: chunked\r\n\r\n", "Content-Length: 100\r\n\r\n"
	for name, test := range map[string]struct{ rest, want string }{
		"shorter than its length":          {sized + "{", endedEarly},
		"nothing of its length":            {sized, endedEarly},
		"no last chunk":                    {chunked + "1\r\n{\r\n", endedEarly},
		"no chunk":                         {chunked, endedEarly},
		"a chunk that ends early":          {chunked + "5\r\n{", endedEarly},
		"a chunk's size that ends early":   {chunked + "5", endedEarly},
		"a chunk's size of letters":        {chunked + "zz\r\n{}\r\n0\r\n\r\n", malformed},
		"a chunk's size beyond all bounds": {chunked + "fffffffffffffffff\r\n{}\r\n0\r\n\r\n", malformed},
		"a negative chunk's size":          {chunked + "-1\r\n{}\r\n0\r\n\r\n", malformed},
		"an empty chunk's size":            {chunked + "\r\n{}\r\n0\r\n\r\n", malformed},
		"a chunk longer than its size":     {chunked + "1\r\n{}\r\n0\r\n\r\n", malformed},
		"a line that ends in LF alone":     {chunked + "2\n{}\r\n0\r\n\r\n", malformed},
		// No more than is read of it: what is not makes the connection end in a reset.
		"a chunk's size of 4 KiB":   {chunked + "2;" + strings.Repeat("x", 4094), malformed},
		"a trailer that is none":    {chunked + "0\r\n: x\r\n\r\n", malformed},
		"a trailer that ends early": {chunked + "0\r\n", malformed},
	} {
		for way, call := range creates() {
			conn := s.dial(t)
			_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s",
				call.path, s.token, call.contentType, test.rest)
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			what := name + " over " + way
			line := s.log.next(t)
			if line.Code != "invalid_argument" || line.Level != "INFO" && line.Level != "DEBUG" {
				t.Errorf("%s: logged as %+v", what, line)
			}
			checkAnswer(t, what, string(answer), "invalid_argument", test.want)
		}
	}
}

// TestABrokenEnvelopeIsTheCallersFault sends bodies whose envelopes are broken or
// lie, and does not end those of which more must not be read.
func TestABrokenEnvelopeIsTheCallersFault(t *testing.T) {
	t.Parallel()
	s := startWhole(t)
	good := envelope(0, 2, "{}")
	for name, test := range map[string]struct {
		body string
		open bool // The body goes on, and nobody waits for it.
		code connect.Code
		want string
	}{
		"half of an envelope":    {envelope(0, 2, "")[:3], false, connect.CodeInvalidArgument, "the request ends within the envelope of a message"},
		"a byte of an envelope":  {"\x00", false, connect.CodeInvalidArgument, "the request ends within the envelope of a message"},
		"no message":             {envelope(0, 10, ""), false, connect.CodeInvalidArgument, "the message ends before the 10 bytes that its envelope announces"},
		"half of a message":      {envelope(0, 10, "{}"), false, connect.CodeInvalidArgument, "the message ends before the 10 bytes that its envelope announces"},
		"half of a second one":   {good + envelope(0, 10, "{}"), false, connect.CodeInvalidArgument, "the message ends before the 10 bytes that its envelope announces"},
		"unknown flags":          {envelope(4, 2, "{}"), true, connect.CodeInvalidArgument, "the envelope of message 1 has flags that no request has: 0x04"},
		"the flag of an end":     {good + envelope(2, 2, "{}"), true, connect.CodeInvalidArgument, "the envelope of message 2 has flags that no request has: 0x02"},
		"the flag of trailers":   {good + envelope(0x80, 2, "{}"), true, connect.CodeInvalidArgument, "the envelope of message 2 has flags that no request has: 0x80"},
		"an unnamed compression": {envelope(1, 2, "{}"), true, connect.CodeInvalidArgument, "message 1 is compressed, and no header says how"},
		"4 GiB announced":        {envelope(0, 1<<32-1, "{}"), true, connect.CodeResourceExhausted, "the request is larger than 65536 bytes"},
		"a byte too many":        {envelope(0, 64<<10+1, ""), true, connect.CodeResourceExhausted, "the request is larger than 65536 bytes"},
		"a second message":       {good + good, true, connect.CodeUnimplemented, "unary request has multiple messages"},
	} {
		for way, call := range creates() {
			if !strings.Contains(call.contentType, "+") {
				continue // It has no envelopes.
			}
			for _, http2 := range []bool{false, true} {
				what := fmt.Sprintf("%s over %s, HTTP/2 %v", name, way, http2)
				body, sender := io.Pipe()
				go func() {
					_, _ = io.WriteString(sender, test.body)
					// Over HTTP/1.1, net/http answers when it has read the body.
					if !test.open || !http2 {
						_ = sender.Close()
					}
				}()
				req := httptest.NewRequest(http.MethodPost, s.URL+call.path, body).WithContext(t.Context())
				req.RequestURI = ""
				req.Header.Set("Authorization", "Bearer "+s.token)
				req.Header.Set("Content-Type", call.contentType)
				_, wire := protocol{http2: http2}.client(t, s.URL)
				res, err := wire.RoundTrip(req)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				_ = res.Body.Close()
				_ = sender.Close()
				checkAnswer(t, what, wire.heard(), test.code.String(), test.want)
				if line := s.log.next(t); line.Level != "INFO" && line.Level != "DEBUG" {
					t.Errorf("%s: logged as %+v", what, line)
				}
			}
		}
	}
}

// TestABrokenBodyOverHTTP2IsTheCallersFault breaks bodies as no client does.
func TestABrokenBodyOverHTTP2IsTheCallersFault(t *testing.T) {
	t.Parallel()
	s := startWhole(t)
	const (
		data, headers, reset = 0x0, 0x1, 0x3
		endStream            = 0x1
		endHeaders           = 0x4
	)
	for name, test := range map[string]struct {
		length string
		frames [][]byte
		leaves bool
		code   string
		want   string // In the answer, where there is one.
	}{
		"shorter than its length": {"10", [][]byte{h2Frame(data, endStream, "{")}, false, "invalid_argument", malformed},
		"longer than its length":  {"1", [][]byte{h2Frame(data, 0, "{{{{{")}, false, "invalid_argument", ""},
		"reset within its body":   {"10", [][]byte{h2Frame(data, 0, "{"), h2Frame(reset, 0, "\x00\x00\x00\x08")}, false, "canceled", ""},
		"reset before its body":   {"10", [][]byte{h2Frame(reset, 0, "\x00\x00\x00\x08")}, false, "canceled", ""},
		"connection closed in it": {"10", [][]byte{h2Frame(data, 0, "{")}, true, "canceled", ""},
	} {
		for way, call := range creates() {
			what := name + " over " + way
			conn := s.dial(t)
			var block bytes.Buffer
			for _, field := range [][2]string{
				{":method", "POST"},
				{":scheme", "http"},
				{":authority", "a"},
				{":path", call.path},
				{"content-type", call.contentType},
				{"content-length", test.length},
				{"authorization", "Bearer " + s.token},
				{"expect", "100-continue"},
			} {
				h2Field(&block, field[0], field[1])
			}
			send := func(frame []byte) {
				if _, err := conn.Write(frame); err != nil {
					t.Fatal(err)
				}
			}
			send([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
			send(h2Frame(headers, endHeaders, block.String()))
			for kind, _ := h2Read(t, conn); kind != headers; kind, _ = h2Read(t, conn) {
				continue // Until the body is being read.
			}
			for _, frame := range test.frames {
				send(frame)
			}
			if test.leaves {
				_ = conn.Close()
			}
			if line := s.log.next(t); line.Code != test.code || line.Level != "INFO" && line.Level != "DEBUG" {
				t.Errorf("%s: logged as %+v", what, line)
			}
			// JSON is not compressed, as HTTP/2's headers are.
			if test.want != "" && strings.Contains(call.contentType, "json") && !strings.Contains(call.contentType, "grpc") {
				kind, payload := h2Read(t, conn)
				for kind != data {
					kind, payload = h2Read(t, conn)
				}
				if !strings.Contains(payload, test.want) {
					t.Errorf("%s: answered %q", what, payload)
				}
			}
			_ = conn.Close()
		}
	}
}

// h2Read reads a frame.
func h2Read(t *testing.T, conn net.Conn) (kind byte, payload string) {
	t.Helper()
	head := make([]byte, 9)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(conn, rest); err != nil {
		t.Fatal(err)
	}
	return head[3], string(rest)
}

// h2Frame is a frame of stream 1 (RFC 9113 section 4.1).
func h2Frame(kind, flags byte, payload string) []byte {
	frame := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 1}
	return append(frame, payload...)
}

// h2Field writes a header field as a literal (RFC 7541 section 6.2.2).
func h2Field(block *bytes.Buffer, name, value string) {
	block.WriteByte(0)
	for _, text := range []string{name, value} {
		if len(text) < 127 {
			block.WriteByte(byte(len(text)))
		} else { // The rest of the length in groups of 7 bits.
			block.WriteByte(127)
			rest := len(text) - 127
			for ; rest >= 128; rest >>= 7 {
				block.WriteByte(byte(rest) | 128)
			}
			block.WriteByte(byte(rest))
		}
		block.WriteString(text)
	}
}

// TestACallerThatIsGoneIsCanceled resets connections in the middle of a body.
func TestACallerThatIsGoneIsCanceled(t *testing.T) {
	t.Parallel()
	s := startWhole(t)
	for way, call := range creates() {
		conn := s.dial(t)
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
			call.path, s.token, call.contentType)
		if err != nil {
			t.Fatal(err)
		}
		// Now the body is being read.
		if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if line := s.log.next(t); line.Code != "canceled" || line.Level != "INFO" && line.Level != "DEBUG" {
			t.Errorf("%s: logged as %+v", way, line)
		}
	}
}
