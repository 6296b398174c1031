package rpc

import (
	"encoding/base64"
	"encoding/binary"

	"example.com/todo-backend/internal/todo"
)

// A sync token is how far a client knows the changes, in base64url:
//
//	byte 0       the version of this layout
//	bytes 1-4    the account's epoch, big-endian as all numbers here
//	bytes 5-12   the revision
//	bytes 13-28  the id
//	bytes 29-36  the revision at the start
//
// It is not signed. A forged one names another place among the caller's own changes and
// nothing else: who forges one may miss changes of their own todos.
const (
	syncTokenVersion = 1
	syncTokenBytes   = 37
)

func encodeSyncToken(at todo.SyncPosition) string {
	var buffer [syncTokenBytes]byte
	raw := append(buffer[:0], syncTokenVersion)
	raw = binary.BigEndian.AppendUint32(raw, uint32(at.Epoch))    //nolint:gosec // Any 32 bits are an epoch.
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.Revision)) //nolint:gosec // Any 64 bits are a revision.
	raw = append(raw, at.ID[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.Start)) //nolint:gosec // The same.
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeSyncToken returns the position in a token, or nil for no token. It fails with
// errSyncToken.
func decodeSyncToken(token string) (*todo.SyncPosition, error) {
	if token == "" {
		return nil, nil //nolint:nilnil // no token means no position: the beginning
	}
	raw, ok := decodeLayout(token, syncTokenVersion, syncTokenBytes)
	if !ok {
		return nil, errSyncToken
	}
	return &todo.SyncPosition{
		Epoch:    int32(binary.BigEndian.Uint32(raw[1:5])),  //nolint:gosec // Any 32 bits are an epoch.
		Revision: int64(binary.BigEndian.Uint64(raw[5:13])), //nolint:gosec // Any 64 bits are a revision.
		ID:       todo.ID(raw[13:29]),
		Start:    int64(binary.BigEndian.Uint64(raw[29:])), //nolint:gosec // The same.
	}, nil
}
