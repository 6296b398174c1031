package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"connectrpc.com/connect"
)

const (
	// maxQueryParameters bounds the number of parameters in a query. The protocol
	// has five; caches and proxies may add some.
	maxQueryParameters = 16
	// maxParameterBytes bounds the parameters that are read before the caller is
	// authenticated. The longest valid value is "identity".
	maxParameterBytes = 64
)

// postFromGet converts a Connect GET request to the POST request that means the
// same, or says what is wrong with its query. For a GET, Connect would parse the
// query four times and read the body before the caller is authenticated. This
// reads little more than the encoding. The message is read as the POST's body,
// after the authentication.
func postFromGet(r *http.Request) (post *http.Request, problem string) {
	if strings.Count(r.URL.RawQuery, "&") >= maxQueryParameters {
		return nil, "the query has too many parameters"
	}
	encoding := queryParameter(r.URL.RawQuery, "encoding")
	if encoding != "json" && encoding != "proto" {
		return nil, `the query parameter "encoding" must be json or proto`
	}
	if version := queryParameter(r.URL.RawQuery, "connect"); version != "" && version != "v1" {
		return nil, `the query parameter "connect" must be v1`
	}
	post = r.WithContext(r.Context())
	post.Method = http.MethodPost
	post.URL = &url.URL{Path: r.URL.Path}
	post.Header.Set("Content-Type", "application/"+encoding)
	post.Header.Del("Content-Encoding")
	if compression := queryParameter(r.URL.RawQuery, "compression"); compression != "" {
		post.Header.Set("Content-Encoding", compression)
	}
	post.Header.Del("Connect-Protocol-Version") // For a GET it is in the query.
	post.Body, post.ContentLength = &queryMessage{query: r.URL.RawQuery, sent: r.Body}, -1
	return post, ""
}

// unreadable stands for a value that is too long or wrongly escaped. It is no
// valid value of any parameter.
const unreadable = "?"

// queryParameter returns the first value of a query parameter, or "".
func queryParameter(query, name string) string {
	for pair := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		// Each byte may be escaped as three.
		if len(rawName) > 3*maxParameterBytes {
			continue
		}
		if found, err := url.QueryUnescape(rawName); err != nil || found != name {
			continue
		}
		if len(rawValue) > 3*maxParameterBytes {
			return unreadable
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return unreadable
		}
		return value
	}
	return ""
}

// queryMessage is the message in the query of a GET. It is decoded on the first
// Read.
type queryMessage struct {
	query  string
	sent   io.Reader // The body of the GET, which has to be empty.
	opened bool
	text   bytes.Reader
	err    error
}

func (m *queryMessage) Read(p []byte) (int, error) {
	if !m.opened {
		m.opened, m.err = true, m.open()
	}
	if m.err != nil {
		return 0, m.err
	}
	return m.text.Read(p)
}

// Close does nothing; net/http closes the GET's body.
func (*queryMessage) Close() error { return nil }

func (m *queryMessage) open() error {
	query, err := url.ParseQuery(m.query)
	switch {
	case err != nil:
		return errQuery("the query is not percent-encoded correctly")
	case !query.Has("message"):
		return errQuery(`the query parameter "message" is missing`)
	}
	message := []byte(query.Get("message"))
	if query.Get("base64") == "1" {
		// Padded or not.
		if message, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(string(message), "=")); err != nil {
			return errQuery(`the query parameter "message" is not base64url (RFC 4648 section 5)`)
		}
	}
	m.text.Reset(message)
	return m.checkBody()
}

// checkBody fails when a body was sent. An unknown length does not mean that
// there is one: HTTP/2 may end a request without a body in a separate frame.
func (m *queryMessage) checkBody() error {
	if m.sent == nil {
		return nil
	}
	var first [1]byte
	switch _, err := io.ReadFull(m.sent, first[:]); {
	case err == nil:
		return errQuery("a GET request has no body; the message goes into the query")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err // Of boundedBody.
	}
}

func errQuery(problem string) error {
	return connect.NewError(connect.CodeInvalidArgument, errors.New(problem))
}
