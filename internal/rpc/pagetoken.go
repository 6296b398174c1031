package rpc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"example.com/todo-backend/internal/todo"
)

// A page token is the place where a list continues, and what the list is of, in base64url.
// The list of all todos, or of those completed or not, in the order of creation, and the
// same of the trash, have version 1:
//
//	byte 0       the version of this layout
//	byte 1       the filter: 0 none, 1 not completed, 2 completed; 4 more in the trash
//	bytes 2-9    the creation time, in the trash that of the deletion, microseconds of
//	             Unix time, big-endian
//	bytes 10-25  the id
//
// Others have version 2:
//
//	byte 0       the version of this layout
//	bytes 1-16   a hash of the filter, the order and the time zone
//	bytes 17-32  the id
//	bytes 33-    the place in the order: a time as above; the priority in a byte and the
//	             time; or the text of the position
//
// It is not signed. A forged one names another place in the caller's own list and
// nothing else.
const (
	plainTokenVersion = 1
	plainTokenBytes   = 26

	findTokenVersion = 2
	findTokenBytes   = 1 + listHashBytes + len(todo.ID{}) // Without the place.
	listHashBytes    = 16
	timeBytes        = 8
)

func encodePageToken(query todo.Query, cursor *todo.Cursor) string {
	if cursor == nil {
		return ""
	}
	var token []byte
	if query.IsPlain() {
		token = make([]byte, 0, plainTokenBytes)
		token = append(token, plainTokenVersion, filterByte(query))
		token = appendMicros(token, cursor.At)
		token = append(token, cursor.ID[:]...)
		return base64.RawURLEncoding.EncodeToString(token)
	}
	token = append(token, findTokenVersion)
	token = append(token, listHash(query)...)
	token = append(token, cursor.ID[:]...)
	switch query.Order {
	case todo.ByPosition:
		token = append(token, cursor.Position...)
	case todo.ByPriority:
		token = appendMicros(append(token, byte(cursor.Priority)), cursor.At) //nolint:gosec // It is 0 to 3.
	default:
		token = appendMicros(token, cursor.At)
	}
	return base64.RawURLEncoding.EncodeToString(token)
}

// decodePageToken returns the cursor in a token, or nil for no token. It fails with
// errPageToken.
func decodePageToken(query todo.Query, token string) (*todo.Cursor, error) {
	if token == "" {
		return nil, nil //nolint:nilnil // no token means no cursor: the first page
	}
	if !query.IsPlain() {
		return decodeFindToken(query, token)
	}
	raw, ok := decodeLayout(token, plainTokenVersion, plainTokenBytes)
	if !ok || raw[1] != filterByte(query) {
		return nil, errPageToken
	}
	return &todo.Cursor{At: microsIn(raw[2:10]), ID: todo.ID(raw[10:])}, nil
}

// decodeFindToken decodes a token of version 2.
func decodeFindToken(query todo.Query, token string) (*todo.Cursor, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < findTokenBytes || base64.RawURLEncoding.EncodeToString(raw) != token ||
		raw[0] != findTokenVersion || !bytes.Equal(raw[1:1+listHashBytes], listHash(query)) {
		return nil, errPageToken
	}
	cursor := &todo.Cursor{ID: todo.ID(raw[1+listHashBytes : findTokenBytes])}
	place := raw[findTokenBytes:]
	switch {
	case query.Order == todo.ByPosition && todo.IsPosition(string(place)):
		cursor.Position = string(place)
	case query.Order == todo.ByPriority && len(place) == 1+timeBytes && todo.Priority(place[0]) <= todo.HighPriority:
		cursor.Priority, cursor.At = todo.Priority(place[0]), microsIn(place[1:])
	case query.Order != todo.ByPosition && query.Order != todo.ByPriority && len(place) == timeBytes:
		cursor.At = microsIn(place)
	default:
		return nil, errPageToken
	}
	return cursor, nil
}

// appendMicros appends a time in microseconds.
func appendMicros(token []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(token, uint64(at.UnixMicro()))
}

// microsIn returns the time in 8 bytes. Any 64 bits are a valid time. A todo stored by
// another program may have been created before 1970 or after 9999, and a list has to
// continue after it.
func microsIn(raw []byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC() //nolint:gosec // See above.
}

// listHash tells lists apart by all but the page: the filter, the order and the zone.
func listHash(query todo.Query) []byte {
	hash := sha256.New()
	f := query.Filter
	_, _ = fmt.Fprintf(hash, "%d %d %q %q %q %q %d %q %q %t %d %d", filterByte(query), query.Order, query.Zone.String(),
		f.Words, f.AllTags, f.AnyTags, f.Priorities, f.DueFrom, f.DueTo, f.NoDueDate, f.UpdatedSince.Unix(), f.UpdatedSince.Nanosecond())
	return hash.Sum(nil)[:listHashBytes]
}

func filterByte(query todo.Query) byte {
	var filter byte
	switch {
	case query.IsCompleted == nil:
	case *query.IsCompleted:
		filter = 2
	default:
		filter = 1
	}
	if query.InTrash {
		filter += 4
	}
	return filter
}
