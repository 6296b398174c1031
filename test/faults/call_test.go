//go:build linux

package faults

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answer is what a caller got.
type answer struct {
	sent    time.Time
	took    time.Duration
	status  int // 0 when none came.
	header  http.Header
	trailer http.Header
	body    string
	err     error
}

// call sends a request with a body, which may be empty, and headers in pairs.
func call(t *testing.T, client *http.Client, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return send(client, req)
}

// send sends a request and reads its answer to the end.
func send(client *http.Client, req *http.Request) answer {
	a := answer{sent: time.Now()}
	res, err := client.Do(req)
	if err == nil {
		defer res.Body.Close()
		var body []byte
		body, err = io.ReadAll(res.Body)
		a.body, a.header, a.trailer = string(body), res.Header, res.Trailer
		if err == nil {
			a.status = res.StatusCode
		}
	}
	a.err = err
	a.took = time.Since(a.sent)
	return a
}

// newClient returns a client of one HTTP version, without a bound on
// connections.
func newClient(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 4096}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// contentTypeJSON is the content type of requests.
const contentTypeJSON = "application/json"
