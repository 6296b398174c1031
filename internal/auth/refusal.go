package auth

import (
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"
)

var (
	// ErrRefused says that a request carries no token that proves who calls.
	// The error that wraps it is a [*RefusedError].
	ErrRefused = errors.New("access token refused")

	// ErrKeysUnavailable says that no token can be verified at the moment:
	// the issuer's keys were never fetched and can't be, or are too old. The
	// same call may succeed later. It comes with the cause, for the log.
	ErrKeysUnavailable = errors.New("the issuer's keys are unavailable")
)

// Reason says why a token was refused, for the log. It is one of the constants
// below and never holds anything that a caller sent.
type Reason string

// Every reason that a token is refused for.
const (
	ReasonNoToken       Reason = "no_token"       // No Authorization header, or nothing in it.
	ReasonSeveralTokens Reason = "several_tokens" // More than one Authorization header.
	ReasonScheme        Reason = "scheme"         // An authentication scheme other than Bearer.
	ReasonTooLarge      Reason = "too_large"      // More than 8 KiB.
	ReasonMalformed     Reason = "malformed"      // Not a JWT in compact form, or not strict JSON within.
	ReasonAlgorithm     Reason = "algorithm"      // Any algorithm but RS256.
	ReasonCritical      Reason = "critical"       // The header has extensions that must be understood.
	ReasonEmbeddedKey   Reason = "embedded_key"   // The header brings a key of its own, or its address.
	ReasonKeyID         Reason = "key_id"         // No key ID, or none of 1 to 128 bytes.
	ReasonUnknownKey    Reason = "unknown_key"    // The issuer has no usable key of this ID.
	ReasonSignature     Reason = "signature"      // Not signed with the key that it names.
	ReasonIssuer        Reason = "issuer"         // Somebody else's token.
	ReasonAudience      Reason = "audience"       // A token for somebody else.
	ReasonTimeClaim     Reason = "time_claim"     // No exp, or an exp, nbf or iat that is no date.
	ReasonExpired       Reason = "expired"        // After exp.
	ReasonNotYetValid   Reason = "not_yet_valid"  // Before nbf or iat.
	ReasonSubject       Reason = "subject"        // No sub that can own todos.
)

// RefusedError says why a token was refused. It matches [ErrRefused]. Its text
// holds nothing of the token.
type RefusedError struct {
	Reason Reason
	// KeyID is the key ID that the token names, as far as it was read and at
	// most 64 characters of it. The caller chose it: log it as a value.
	KeyID string
}

// Error returns the reason, and nothing of the token.
func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + string(e.Reason) }

// Is says that every RefusedError is an [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// LogValue says why for the log. It implements [slog.LogValuer].
func (e *RefusedError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", string(e.Reason)), slog.String("key_id", e.KeyID))
}

// refuse returns the refusal of a token whose key ID is not known or no string.
func refuse(reason Reason) error { return &RefusedError{Reason: reason} }

// refuseKey returns the refusal of a token that names keyID.
func refuseKey(reason Reason, keyID string) error {
	return &RefusedError{Reason: reason, KeyID: loggable(keyID)}
}

// loggable returns the beginning of a key ID, as valid UTF-8 and short enough
// for a log line.
func loggable(keyID string) string {
	// A character has at most four bytes: what is cut here is cut below too.
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
