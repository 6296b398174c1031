package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const connectGet = "/todo.v1.TodoService/ListTodos?connect=v1&encoding=json&message=%7B%7D"

// unknownLength hides from a client how long a body is.
type unknownLength struct{ io.Reader }

// TestAGetWhoseLengthIsUnknownIsAGetWithoutABody sends GETs that say only in the
// end that they have no body, and such as do have one.
func TestAGetWhoseLengthIsUnknownIsAGetWithoutABody(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	// HEADERS without END_STREAM, and then DATA.
	http2 := func(path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, unknownLength{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", s.bearer("u")[1])
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		answer := read(t, res)
		return answer.status, answer.body
	}
	http1 := func(path, body string) (int, string) {
		chunk := ""
		if body != "" {
			chunk = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
		}
		answer := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: a\r\nAuthorization: "+s.bearer("u")[1]+
			"\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk+"0\r\n\r\n")
		return answer.status, answer.body
	}
	for version, get := range map[string]func(path, body string) (int, string){"HTTP/2": http2, "HTTP/1.1": http1} {
		for _, path := range []string{connectGet, "/api/todos", "/openapi.yaml", "/readyz", "/api/health"} {
			if status, body := get(path, ""); status != 200 {
				t.Errorf("%s over %s: %d %s", path, version, status, body)
			}
		}
		for _, path := range []string{connectGet, "/api/todos"} {
			if status, body := get(path, "{}"); status != 400 || !strings.HasPrefix(body, `{"code":"invalid_argument","message":"`) {
				t.Errorf("%s with a body over %s: %d %s", path, version, status, body)
			}
		}
	}
}

// TestAGetWithoutATokenIsRefusedBeforeItsBodyComes has bodies that never do.
func TestAGetWithoutATokenIsRefusedBeforeItsBodyComes(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, path := range []string{connectGet, "/api/todos"} {
		conn, began := s.dial(t), time.Now()
		answer := exchangeRaw(t, conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 401 ") {
			t.Errorf("%s over HTTP/1.1: %s", path, answer)
		}
		if took := time.Since(began); took > 5*time.Second { // A body has 10.
			t.Errorf("%s over HTTP/1.1 took %v", path, took)
		}
	}

	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	for _, path := range []string{connectGet, "/api/todos"} {
		body, hold := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if answer := read(t, res); answer.status != 401 {
			t.Errorf("%s over HTTP/2: %d %s", path, answer.status, answer.body)
		}
		_ = hold.Close()
	}
}

func TestAConnectGetIsReadStrictly(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const path = "/todo.v1.TodoService/ListTodos?"
	for name, test := range map[string]struct {
		query  string
		status int
		want   string
	}{
		"JSON":                       {"connect=v1&encoding=json&message=%7B%22pageSize%22%3A1%7D", 200, `"todos":[]`},
		"without its version":        {"encoding=json&message={}", 200, `"todos":[]`},
		"base64":                     {"connect=v1&encoding=json&base64=1&message=e30", 200, `"todos":[]`},
		"padded base64":              {"connect=v1&encoding=json&base64=1&message=e30%3D", 200, `"todos":[]`},
		"protobuf":                   {"connect=v1&encoding=proto&base64=1&message=CAE", 200, ""},
		"gzip":                       {"connect=v1&encoding=json&compression=gzip&base64=1&message=H4sIAAAAAAAA_6uuBQBDv6ajAgAAAA", 200, `"todos":[]`},
		"identity":                   {"connect=v1&encoding=json&compression=identity&message={}", 200, `"todos":[]`},
		"escaped names":              {"%63onnect=v1&enc%6Fding=j%73on&message={}", 200, `"todos":[]`},
		"parameters of others":       {"connect=v1&encoding=json&message={}&a=b&utm_source=c&d", 200, `"todos":[]`},
		"the first of two counts":    {"encoding=json&encoding=xml&message={}&message=x", 200, `"todos":[]`},
		"sixteen parameters":         {"encoding=json&message={}" + strings.Repeat("&a=b", 14), 200, `"todos":[]`},
		"seventeen parameters":       {"encoding=json&message={}" + strings.Repeat("&a=b", 15), 400, "too many parameters"},
		"another version":            {"connect=v2&encoding=json&message={}", 400, `\"connect\" must be v1`},
		"no message":                 {"connect=v1&encoding=json", 400, `\"message\" is missing`},
		"no encoding":                {"connect=v1&message={}", 400, `\"encoding\" must be`},
		"a long encoding":            {"encoding=" + strings.Repeat("json", 100) + "&message={}", 400, `\"encoding\" must be`},
		"broken base64":              {"encoding=json&base64=1&message=*", 400, "base64url"},
		"broken percents":            {"encoding=json&message=%zz", 400, "percent-encoded"},
		"broken percents elsewhere":  {"encoding=json&message={}&a=%zz", 400, "percent-encoded"},
		"an unknown compression":     {"encoding=json&compression=br&message={}", 501, "unknown compression"},
		"a long compression":         {"encoding=json&message={}&compression=" + strings.Repeat("gzip", 100), 501, "unknown compression"},
		"a long version":             {"encoding=json&message={}&connect=" + strings.Repeat("v1", 100), 400, `\"connect\" must be v1`},
		"a broken encoding":          {"encoding=%zz&message={}", 400, `\"encoding\" must be`},
		"a message that is no JSON":  {"encoding=json&message=x", 400, "invalid JSON"},
		"an empty message of JSON":   {"encoding=json&message=", 400, ""},
		"an unknown field":           {"encoding=json&message=%7B%22a%22%3A1%7D", 400, `\"a\"`},
		"a header of another length": {"encoding=json&message={}", 200, `"todos":[]`},
	} {
		headers := s.bearer("u")
		if name == "a header of another length" {
			// Those of a GET are its query's, whatever the headers say.
			headers = append(headers, "Content-Type", "text/plain", "Content-Encoding", "br", "Connect-Protocol-Version", "7")
		}
		res := s.do(t, "GET", path+test.query, "", headers...)
		if res.status != test.status || !strings.Contains(res.body, test.want) {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		if line["protocol"] != "connect" || line["method"] != "GET" || line["procedure"] != strings.TrimSuffix(path, "?") {
			t.Errorf("%s: logged as %v", name, line)
		}
	}
}
