//go:build linux

package stack

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ContentTypeJSON is the content type of requests.
const ContentTypeJSON = "application/json"

// Answer is what a caller got.
type Answer struct {
	Method  string
	Sent    time.Time
	Took    time.Duration // Until the body was read.
	Status  int           // 0 when none came.
	Header  http.Header
	Trailer http.Header
	Body    string
	Err     error
}

// IsRejected reports whether a call got 503 and was told when to try again.
func (a Answer) IsRejected() bool {
	return a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != ""
}

// Call sends a request with a body, which may be empty, and headers in pairs, as [Send]
// does.
func Call(t *testing.T, client *http.Client, method, url, body string, headers ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return Send(client, req)
}

// Send sends a request and reads its answer to the end.
func Send(client *http.Client, req *http.Request) Answer {
	a := Answer{Method: req.Method, Sent: time.Now()}
	res, err := client.Do(req)
	if err == nil {
		defer res.Body.Close()
		var body []byte
		body, err = io.ReadAll(res.Body)
		a.Body, a.Header, a.Trailer = string(body), res.Header, res.Trailer
		if err == nil {
			a.Status = res.StatusCode
		}
	}
	a.Err = err
	a.Took = time.Since(a.Sent)
	return a
}

// NewClient returns a client of one HTTP version, without a bound on
// connections.
func NewClient(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 4096}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: Patience}
}
