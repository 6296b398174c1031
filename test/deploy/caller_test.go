//go:build linux

package deploy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// origin is scheme, host and port, as browsers write it.
type origin string

// hostOf returns host and port of a URL.
func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// caller is a client that trusts one authority and finds every name at 127.0.0.1, as a
// browser does with names of .localhost. It keeps cookies.
type caller struct {
	*http.Client
}

// newCaller returns a caller of one HTTP version, with TLS and without.
func newCaller(t *testing.T, roots *x509.CertPool, http2 bool) *caller {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(http2)
	transport := &http.Transport{
		Protocols:       protocols,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{&http.Client{
		Jar:       jar,
		Transport: transport,
		Timeout:   patience,
		// Redirects are answers here.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response that is read.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// call sends a request with headers in pairs.
func (c *caller) call(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	return c.callWith(t, method, url, strings.NewReader(body), headers...)
}

// callWith sends a request with any body.
func (c *caller) callWith(t *testing.T, method, url string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(read), err: err}
}

// json sends a request with JSON, which has to succeed, and decodes the answer.
func (c *caller) json(t *testing.T, method, url, body string, into any, headers ...string) answer {
	t.Helper()
	a := c.call(t, method, url, body, append([]string{"Content-Type", "application/json"}, headers...)...)
	if a.err != nil || a.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, url, a.status, a.body, a.err)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%s %s: %s: %v", method, url, a.body, err)
	}
	return a
}

// code returns the code of the service's form of error, empty when it is another one.
func (a answer) code() string {
	var refused struct{ Code, Message string }
	if json.Unmarshal([]byte(a.body), &refused) != nil || refused.Message == "" {
		return ""
	}
	return refused.Code
}
