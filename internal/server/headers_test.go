package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// sized returns a request whose headers, with its path, have a size.
func sized(size int) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/livez", nil)
	const name = "X-Long"
	r.Header.Set(name, strings.Repeat("a", size-len(r.RequestURI)-len(r.Host)-len(name)-headerOverhead))
	return r
}

// counted returns a request with so many headers, under as many names or under one.
func counted(headers int, oneName bool) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/livez", nil)
	for i := range headers {
		if oneName {
			i = 0
		}
		r.Header.Add(fmt.Sprint("A", i), "b")
	}
	return r
}

// withHeader returns a request with a header of some length.
func withHeader(name string, length int) *http.Request {
	r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceListTodosProcedure, nil)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(name, strings.Repeat("1", length))
	return r
}

func TestTheBoundsOfHeadersAreExact(t *testing.T) {
	t.Parallel()
	handler := newTodoServer(t, testConfig())
	long := httptest.NewRequest(http.MethodGet, "/"+strings.Repeat("a", maxHeaderBytes), nil)
	for name, test := range map[string]struct {
		request *http.Request
		problem string // Empty when it is served, or refused for another reason.
	}{
		"16 KiB":                           {sized(maxHeaderBytes), ""},
		"a byte more":                      {sized(maxHeaderBytes + 1), "larger than 16384 bytes"},
		"a long path":                      {long, "larger than 16384 bytes"},
		"100 headers":                      {counted(maxHeaders, false), ""},
		"101 headers":                      {counted(maxHeaders+1, false), "more than 100 headers"},
		"101 headers of one name":          {counted(maxHeaders+1, true), "more than 100 headers"},
		"a list of encodings":              {withHeader("Accept-Encoding", maxParsedHeaderBytes), ""},
		"a longer list of encodings":       {withHeader("Accept-Encoding", maxParsedHeaderBytes+1), "the header Accept-Encoding is longer than 256 bytes"},
		"a long content type":              {withHeader("Content-Type", maxParsedHeaderBytes+1), "the header Content-Type is longer than 256 bytes"},
		"a long timeout":                   {withHeader("Connect-Timeout-Ms", maxParsedHeaderBytes+1), "the header Connect-Timeout-Ms is longer than 256 bytes"},
		"a long header that nobody parses": {withHeader("X-Forwarded-For", 10*maxParsedHeaderBytes), ""},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, test.request)
		refused := w.Code == http.StatusRequestHeaderFieldsTooLarge
		if refused != (test.problem != "") || refused && (!strings.Contains(w.Body.String(), `{"code":"resource_exhausted","message":"`) ||
			!strings.Contains(w.Body.String(), test.problem)) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestLargeHeadersAreRefusedInEachProtocol(t *testing.T) {
	t.Parallel()
	handler := newTodoServer(t, testConfig())
	for _, contentType := range []string{"application/grpc", "application/grpc-web+proto"} {
		r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceListTodosProcedure, strings.NewReader("\x00\x00\x00\x00\x00"))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "Bearer alice")
		r.Header.Set("X-Long", strings.Repeat("a", maxHeaderBytes))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		answer := w.Result()
		defer answer.Body.Close()
		status := answer.Trailer.Get("Grpc-Status") + answer.Header.Get("Grpc-Status")
		if answer.StatusCode != http.StatusOK || status != "8" {
			t.Errorf("%s: %d, gRPC status %q: %s", contentType, answer.StatusCode, status, w.Body)
		}
	}
}
