package rpc

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"example.com/todo-backend/internal/todo"
)

// An etag is the version of a todo, in base64url:
//
//	byte 0     the version of this layout
//	bytes 1-8  the version's number, big-endian, XOR the folded id of the todo
//
// The id makes it an etag of this todo only: versions of two todos may be the same,
// for instance when they were created by one commit. It is not signed. A forged one is
// a guess of the version, and changes only what the caller may change without any.
const (
	etagLayout = 1
	etagBytes  = 9
	etagLength = 12 // In base64.
)

// errEtag means that a text is not an etag of this layout.
var errEtag = errors.New("rpc: not an etag")

// appendEtag appends the etag of a todo that has a version.
func appendEtag(dst []byte, id todo.ID, version todo.Version) []byte {
	var raw [etagBytes]byte
	raw[0] = etagLayout
	binary.BigEndian.PutUint64(raw[1:], uint64(version.Number)^fold(id)) //nolint:gosec // Any 64 bits are a number.
	return base64.RawURLEncoding.AppendEncode(dst, raw[:])
}

// decodeEtag returns the version that an etag of a todo is for: none for no etag. It
// fails with errEtag. Another todo's etag is for a version that this one never has.
func decodeEtag(id todo.ID, etag *string) (todo.Version, error) {
	if etag == nil {
		return todo.Version{}, nil
	}
	raw, ok := decodeLayout(*etag, etagLayout, etagBytes)
	if !ok {
		return todo.Version{}, errEtag
	}
	number := int64(binary.BigEndian.Uint64(raw[1:]) ^ fold(id)) //nolint:gosec // Any 64 bits are a number.
	return todo.Version{Number: number, Valid: true}, nil
}

// versionOf returns the version that a call on a todo is for: none for no etag. A text
// that is no etag of this layout stands for a version that no todo has.
func versionOf(id todo.ID, etag *string) todo.Version {
	version, err := decodeEtag(id, etag)
	if err != nil {
		return nobodysVersion()
	}
	return version
}

// nobodysVersion returns a version that no todo has: that of a change at a time which the
// schema doesn't allow.
func nobodysVersion() todo.Version {
	return todo.VersionAt(time.Date(-1000, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// fold returns 64 bits that all bits of an id count towards.
func fold(id todo.ID) uint64 {
	return binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
}
