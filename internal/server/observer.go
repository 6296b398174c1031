package server

import (
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// Observer is told of requests, for metrics. It has to be safe for concurrent use and
// must not block. Without one, nothing is measured.
type Observer interface {
	// RequestBegan is told of a request when its headers were read.
	RequestBegan()
	// RequestEnded is told of the same request when its response was written.
	RequestEnded(RequestReport)
}

// RequestReport describes a request that has ended. Each of its texts is one of a few:
// nothing that a caller chose is in it.
type RequestReport struct {
	Procedure string // The RPC's, also over REST, or [ProcedureProbe] or [ProcedureOther].
	Protocol  string // As in the log.
	Code      string // The same.
	Ended     string // The same; "" unless it was a stream.
	Refused   string // Why it was refused, or given up; "" unless it was.
	Took      time.Duration
}

// The procedures of requests that are no RPCs.
const (
	ProcedureProbe = "probe" // A health check over HTTP.
	ProcedureOther = "other"
)

// withObserver tells an observer of requests, unless it is nil.
func withObserver(observer Observer, next http.Handler) http.Handler {
	if observer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		observer.RequestBegan()
		defer func() { // After a panic too.
			state := stateOf(r.Context())
			observer.RequestEnded(state.report(state.finalCode(r), time.Since(start)))
		}()
		next.ServeHTTP(w, r)
	})
}

// report returns what an observer is told of a request.
func (s *requestState) report(code connect.Code, took time.Duration) RequestReport {
	report := RequestReport{
		Procedure: s.procedure,
		Protocol:  s.protocol,
		Code:      codeName(code),
		Ended:     string(s.ended),
		Refused:   s.whyRefused(),
		Took:      took,
	}
	switch {
	case report.Procedure != "":
	case s.probe:
		report.Procedure = ProcedureProbe
	default:
		report.Procedure = ProcedureOther
	}
	return report
}

// whyRefused returns the reason why a request was refused, or given up, and "" for any
// other request.
func (s *requestState) whyRefused() string {
	if s.cause == nil {
		return ""
	}
	if s.refusedStatus != 0 {
		return refusalOf(s.refusedStatus)
	}
	switch {
	case errors.Is(s.cause, errRateLimited):
		return "rate_limited"
	case errors.Is(s.cause, errTooManyStreams):
		return "too_many_streams"
	case errors.Is(s.cause, errAllUnread):
		return "all_unread"
	case errors.Is(s.cause, errDraining):
		return "draining"
	}
	for _, attr := range reasonOf(s.cause) {
		if attr.Key == "reason" {
			return attr.Value.String()
		}
	}
	if s.user == nil && s.code == connect.CodeUnavailable && s.unauthenticated {
		return "auth_unavailable"
	}
	return ""
}

// refusalOf returns the reason why a request that reaches no RPC got a status.
func refusalOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusNotFound:
		return "unknown_path"
	case http.StatusMethodNotAllowed:
		return "wrong_method"
	case http.StatusUnsupportedMediaType:
		return "content_type"
	case http.StatusRequestHeaderFieldsTooLarge:
		return "headers_too_large"
	case http.StatusHTTPVersionNotSupported:
		return "http_version"
	}
	return "other"
}
