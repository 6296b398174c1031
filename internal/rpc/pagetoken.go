package rpc

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"example.com/todo-backend/internal/todo"
)

// A page token is the place where a list continues, and the filter of the list, in
// base64url:
//
//	byte 0       the version of this layout
//	byte 1       the filter: 0 none, 1 not completed, 2 completed; 4 more in the trash
//	bytes 2-9    the creation time, in the trash that of the deletion, microseconds of
//	             Unix time, big-endian
//	bytes 10-25  the id
//
// It is not signed. A forged one names another place in the caller's own list and
// nothing else.
const (
	pageTokenVersion = 1
	pageTokenBytes   = 26
)

func encodePageToken(query todo.Query, cursor *todo.Cursor) string {
	if cursor == nil {
		return ""
	}
	token := make([]byte, 0, pageTokenBytes)
	token = append(token, pageTokenVersion, filterByte(query))
	token = binary.BigEndian.AppendUint64(token, uint64(cursor.At.UnixMicro()))
	token = append(token, cursor.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// decodePageToken returns the cursor in a token, or nil for no token. It fails with
// errPageToken.
func decodePageToken(query todo.Query, token string) (*todo.Cursor, error) {
	if token == "" {
		return nil, nil //nolint:nilnil // no token means no cursor: the first page
	}
	raw, ok := decodeLayout(token, pageTokenVersion, pageTokenBytes)
	if !ok || raw[1] != filterByte(query) {
		return nil, errPageToken
	}
	// Any 64 bits are a valid time. A todo stored by another program may have been
	// created before 1970 or after 9999, and a list has to continue after it.
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(raw[2:10]))).UTC() //nolint:gosec // see above
	return &todo.Cursor{At: at, ID: todo.ID(raw[10:])}, nil
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
