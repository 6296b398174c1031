package auth

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/todo-backend/internal/todo"
)

// checkClaims returns the user whom the claims of a token name, when it is from
// our issuer, for us, and valid at now (RFC 7519 section 4.1). It must only see
// claims whose signature was verified. It fails with a reason.
func (v *Verifier) checkClaims(payload []byte, now time.Time) (todo.UserID, Reason) {
	claims, err := parseObject(payload)
	if err != nil {
		return todo.UserID{}, ReasonMalformed
	}
	if issuer, ok := claims.text("iss"); !ok || issuer != v.issuer {
		return todo.UserID{}, ReasonIssuer
	}
	if audience, ok := claims.texts("aud"); !ok || !slices.Contains(audience, v.audience) {
		return todo.UserID{}, ReasonAudience
	}
	if reason := checkTimes(claims, now); reason != "" {
		return todo.UserID{}, reason
	}
	subject, ok := claims.text("sub")
	// Half a surrogate pair can be escaped in JSON but is no character. It
	// is read as U+FFFD, which would make two subjects one.
	if !ok || strings.ContainsRune(subject, utf8.RuneError) {
		return todo.UserID{}, ReasonSubject
	}
	user, err := todo.ParseUserID(subject)
	if err != nil {
		return todo.UserID{}, ReasonSubject
	}
	return user, ""
}

// checkTimes says why claims are not valid at now, or "" when they are. Only
// exp is required.
func checkTimes(claims object, now time.Time) Reason {
	expires, ok := claims.date("exp")
	if !ok || expires.Unix() <= 0 {
		return ReasonTimeClaim
	}
	if !now.Before(expires.Add(leeway)) {
		return ReasonExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		if _, ok := claims[name]; !ok {
			continue
		}
		from, ok := claims.date(name)
		if !ok {
			return ReasonTimeClaim
		}
		if now.Before(from.Add(-leeway)) {
			return ReasonNotYetValid
		}
	}
	return ""
}

// date returns a member that is a NumericDate (RFC 7519 section 2): seconds
// since 1970, fractions allowed, here from 1970 to 9999.
func (o object) date(name string) (time.Time, bool) {
	seconds, ok := o.number(name)
	if !ok || seconds < 0 || seconds > maxNumericDate {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), true
}
