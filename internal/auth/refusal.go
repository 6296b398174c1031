package auth

import (
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"
)

var (
	// ErrRefused means that a request has no token, or none that is acceptable.
	// It is always wrapped in a [*RefusedError].
	ErrRefused = errors.New("access token refused")

	// ErrKeysUnavailable means that no token can be verified at the moment, since
	// the issuer's keys were never fetched, or are too old. The same call may
	// succeed later. The error's text has the cause, for the log.
	ErrKeysUnavailable = errors.New("the issuer's keys are unavailable")
)

// Reason says why a token was rejected, for the log. It is one of the constants below;
// nothing that a caller sent gets into it.
type Reason string

// The reasons to reject a token.
const (
	ReasonNoToken       Reason = "no_token"       // No Authorization header, or nothing in it.
	ReasonSeveralTokens Reason = "several_tokens" // More than one Authorization header.
	ReasonScheme        Reason = "scheme"         // An authentication scheme other than Bearer.
	ReasonTooLarge      Reason = "too_large"      // More than 8 KiB.
	ReasonMalformed     Reason = "malformed"      // Not a JWT in compact form, or not strict JSON within.
	ReasonAlgorithm     Reason = "algorithm"      // Any algorithm but RS256.
	ReasonCritical      Reason = "critical"       // The header has extensions that must be understood.
	ReasonEmbeddedKey   Reason = "embedded_key"   // The header has a key, or the address of one.
	ReasonKeyID         Reason = "key_id"         // No key ID, or not of 1 to 128 bytes.
	ReasonUnknownKey    Reason = "unknown_key"    // The issuer has no usable key of this ID.
	ReasonSignature     Reason = "signature"      // Not signed with the key that it names.
	ReasonIssuer        Reason = "issuer"         // From another issuer.
	ReasonAudience      Reason = "audience"       // For another audience.
	ReasonTimeClaim     Reason = "time_claim"     // No exp, or an exp, nbf or iat that is no date.
	ReasonExpired       Reason = "expired"        // After exp.
	ReasonNotYetValid   Reason = "not_yet_valid"  // Before nbf or iat.
	ReasonSubject       Reason = "subject"        // No sub that can own todos.
)

// RefusedError says why a token was rejected. It matches [ErrRefused]. Its text
// contains nothing of the token.
type RefusedError struct {
	Reason Reason
	// KeyID has the first 64 characters of the token's key ID, or is empty when the
	// key ID was not read. The caller chose it: log it as a value.
	KeyID string
}

// Error returns the reason.
func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + string(e.Reason) }

// Is reports true for [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// LogValue returns the reason and the key ID. It implements [slog.LogValuer].
func (e *RefusedError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", string(e.Reason)), slog.String("key_id", e.KeyID))
}

// refuse returns a RefusedError for a token without a usable key ID.
func refuse(reason Reason) error { return &RefusedError{Reason: reason} }

// refuseKey returns a RefusedError for a token that names keyID.
func refuseKey(reason Reason, keyID string) error {
	return &RefusedError{Reason: reason, KeyID: loggable(keyID)}
}

// loggable returns the beginning of a key ID, as valid UTF-8 and short enough
// for a log line.
func loggable(keyID string) string {
	// A character has at most four bytes, so the loop below would cut this too.
	if len(keyID) > maxLoggedKeyID*utf8.UTFMax {
		keyID = keyID[:maxLoggedKeyID*utf8.UTFMax]
	}
	keyID = strings.ToValidUTF8(keyID, "\uFFFD")
	characters := 0
	for i := range keyID {
		if characters == maxLoggedKeyID {
			return keyID[:i]
		}
		characters++
	}
	return keyID
}
