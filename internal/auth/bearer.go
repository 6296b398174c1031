package auth

import (
	"net/http"
	"strings"
)

// BearerToken returns the token in a request's Authorization header (RFC 6750
// section 2.1), with the scheme in any case (RFC 9110 section 11.1). It does not
// verify the token. It fails with a [*RefusedError] when there is no such header, more
// than one, or another scheme.
func BearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", refuse(ReasonNoToken)
	case 1:
	default:
		// A proxy may have checked either of them.
		return "", refuse(ReasonSeveralTokens)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if scheme != "" && !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(ReasonScheme)
	}
	token = strings.Trim(token, " ")
	if scheme == "" || token == "" {
		return "", refuse(ReasonNoToken)
	}
	return token, nil
}
