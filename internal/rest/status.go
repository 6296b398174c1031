package rest

import (
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"
)

// statusClientClosedRequest is the status of [connect.CodeCanceled].
const statusClientClosedRequest = 499

// statusOf returns the HTTP status of an error in JSON: the one that the Connect protocol
// has for its code ("Error codes" of the specification). connect-go doesn't export it.
func statusOf(wireError []byte) int {
	var failure struct{ Code connect.Code }
	if err := json.Unmarshal(wireError, &failure); err != nil {
		return http.StatusInternalServerError
	}
	switch failure.Code {
	case connect.CodeCanceled:
		return statusClientClosedRequest
	case connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		return http.StatusBadRequest
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeNotFound:
		return http.StatusNotFound
	case connect.CodeAlreadyExists, connect.CodeAborted:
		return http.StatusConflict
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case connect.CodeUnimplemented:
		return http.StatusNotImplemented
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodeUnknown, connect.CodeInternal, connect.CodeDataLoss:
	}
	return http.StatusInternalServerError
}
