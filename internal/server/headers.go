package server

import (
	"fmt"
	"net/http"

	"connectrpc.com/connect"
)

// maxHeaderBytes bounds the headers of a request, together with its path and
// query, as HTTP/2 counts them. It has room for a token of the greatest length.
const maxHeaderBytes = 16 << 10

const (
	// headerOverhead is what HTTP/2 counts for each header besides its name
	// and value (RFC 9113 section 6.5.2).
	headerOverhead = 32
	// maxHeaders bounds their number. Browsers and load balancers together
	// send about 30.
	maxHeaders = 100
	// maxParsedHeaderBytes bounds each header that is taken apart before it is
	// known who calls. A list of the names that Accept-Encoding can have is a
	// quarter of that.
	maxParsedHeaderBytes = 256
)

// withHeaderBounds refuses requests with large or many headers, before they
// cost more than to count.
func withHeaderBounds(refuse refuser, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := headerProblem(r); problem != "" {
			refuse.refuse(w, r, http.StatusRequestHeaderFieldsTooLarge, connect.CodeResourceExhausted, problem)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// headerProblem says which bound the headers of a request exceed, or "".
func headerProblem(r *http.Request) string {
	count, size := 0, len(r.RequestURI)+len(r.Host)
	for name, values := range r.Header {
		if count += len(values); count > maxHeaders {
			return fmt.Sprintf("the request has more than %d headers", maxHeaders)
		}
		for _, value := range values {
			size += len(name) + len(value) + headerOverhead
			if len(value) > maxParsedHeaderBytes && isParsed(name) {
				return fmt.Sprintf("the header %s is longer than %d bytes", name, maxParsedHeaderBytes)
			}
		}
	}
	if size > maxHeaderBytes {
		return fmt.Sprintf("the request's headers, with its path and query, are larger than %d bytes", maxHeaderBytes)
	}
	return ""
}

// isParsed says whether a header is taken apart, or quoted in an error, before
// it is known who calls.
func isParsed(name string) bool {
	switch name {
	case "Accept-Encoding", "Connect-Accept-Encoding", "Grpc-Accept-Encoding",
		"Content-Encoding", "Connect-Content-Encoding", "Grpc-Encoding",
		"Content-Type", "Connect-Timeout-Ms", "Grpc-Timeout", "Connect-Protocol-Version":
		return true
	}
	return false
}

// hasAmbiguousLength says whether another server may find the end of a request
// elsewhere, and take what follows on the connection for the next request. That
// is so for one that has both Content-Length and Transfer-Encoding, and for
// Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1). net/http drops the header
// that it doesn't use, so every request that may have had it counts: those in
// chunks, which clients of unary calls don't send, and those in HTTP/1.0.
func hasAmbiguousLength(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0)
}

// withHeaders sets the headers of every response: they keep it out of caches,
// and browsers from guessing its type. It closes a connection on which the next
// request may not begin where net/http takes it to begin.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		if hasAmbiguousLength(r) {
			header.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
