package server

import (
	"fmt"
	"net/http"

	"connectrpc.com/connect"
)

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

// hasAmbiguousLength reports whether another server may take a request to end
// elsewhere than net/http does, and so take other bytes for the next request on
// the connection. That is so for a request with both Content-Length and
// Transfer-Encoding, and for Transfer-Encoding in HTTP/1.0 (RFC 9112 section
// 6.1). net/http removes the header that it does not use. So this reports every
// request that may have had both: one in chunks, which clients of unary calls do
// not send, and one in HTTP/1.0.
func hasAmbiguousLength(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0)
}

// withHeaderBounds rejects requests with large or many headers before any header
// is parsed.
func withHeaderBounds(refuse refuser, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := headerProblem(r); problem != "" {
			refuse.refuse(w, r, http.StatusRequestHeaderFieldsTooLarge, connect.CodeResourceExhausted, problem)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// headerProblem says which bound the headers of a request exceed; "" means none.
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

// isParsed reports whether a header is parsed, or quoted in an error, before the
// caller is authenticated.
func isParsed(name string) bool {
	switch name {
	case "Accept-Encoding", "Connect-Accept-Encoding", "Grpc-Accept-Encoding",
		"Content-Encoding", "Connect-Content-Encoding", "Grpc-Encoding",
		"Content-Type", "Connect-Timeout-Ms", "Grpc-Timeout", "Connect-Protocol-Version":
		return true
	}
	return false
}
