package auth

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/todo-backend/internal/todo"
)

// checkClaims returns the user that a token's claims name, and when the token is
// valid. It fails with a reason unless the token is from our issuer, for our audience,
// and valid at now (RFC 7519 section 4.1). The signature must be verified before.
func (v *Verifier) checkClaims(payload []byte, now time.Time) (todo.UserID, window, Reason) {
	refuse := func(reason Reason) (todo.UserID, window, Reason) { return todo.UserID{}, window{}, reason }
	claims, err := parseObject(payload)
	if err != nil {
		return refuse(ReasonMalformed)
	}
	if issuer, ok := claims.text("iss"); !ok || issuer != v.issuer {
		return refuse(ReasonIssuer)
	}
	if audience, ok := claims.texts("aud"); !ok || !slices.Contains(audience, v.audience) {
		return refuse(ReasonAudience)
	}
	window, ok := claims.window()
	if !ok {
		return refuse(ReasonTimeClaim)
	}
	if reason := window.check(now); reason != "" {
		return refuse(reason)
	}
	subject, ok := claims.text("sub")
	// JSON can escape half a surrogate pair, which is no character. It is read as
	// U+FFFD, so two different subjects would become the same.
	if !ok || strings.ContainsRune(subject, utf8.RuneError) {
		return refuse(ReasonSubject)
	}
	user, err := todo.ParseUserID(subject)
	if err != nil {
		return refuse(ReasonSubject)
	}
	return user, window, ""
}

// window is the time in which a token is valid, leeway included: at from or later,
// and before until.
type window struct{ from, until time.Time }

// window reads the window of a token from its claims. exp is required; nbf and iat
// must be dates if they are there.
func (o object) window() (window, bool) {
	expires, ok := o.date("exp")
	if !ok || expires.Unix() <= 0 {
		return window{}, false
	}
	w := window{until: expires.Add(leeway)}
	for _, name := range []string{"nbf", "iat"} {
		if _, ok := o[name]; !ok {
			continue
		}
		from, ok := o.date(name)
		if !ok {
			return window{}, false
		}
		if from = from.Add(-leeway); from.After(w.from) {
			w.from = from
		}
	}
	return w, true
}

// check returns why a token is not valid at now, or "" when it is.
func (w window) check(now time.Time) Reason {
	switch {
	case !now.Before(w.until):
		return ReasonExpired
	case now.Before(w.from):
		return ReasonNotYetValid
	}
	return ""
}

// date returns a member that is a NumericDate (RFC 7519 section 2): seconds since
// 1970, with fractions, up to the year 9999.
func (o object) date(name string) (time.Time, bool) {
	seconds, ok := o.number(name)
	if !ok || seconds < 0 || seconds > maxNumericDate {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), true
}
