package server

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
)

const (
	// maxUnreadBytes bounds the memory of responses to users' calls, each from
	// its creation until it is written. One user alone can have 3.8 MiB of it: six
	// pages of the largest size.
	maxUnreadBytes  = 64 << 20
	unreadByteShare = 16
	// maxUnreadResponses bounds the number of all other responses. Each takes
	// about 20 KB, as any request in flight does. One connection alone can have 113
	// of them, more than it has streams.
	maxUnreadResponses  = 1024
	unreadResponseShare = 8

	// responseBytes is what the buffers of the smallest response take.
	responseBytes = 4 << 10
	// smallResponse is accepted even when nothing is free: its request takes
	// about as much.
	smallResponse = 32 << 10
	// bytesPerWireByte is how much memory a response takes for each byte that it
	// has on the wire: 1.25 in the buffer that it is encoded in, and up to 1.3 in
	// the one that it is compressed in, though most texts need a third of that.
	bytesPerWireByte = 2
)

var (
	// errUserUnread rejects a call of a user who has too many unread bytes.
	errUserUnread error = &reasonError{"too_many_unread", "server: too many responses of the user are unread"}
	// errAllUnread rejects a call when all users together have too many unread
	// bytes.
	errAllUnread = errors.New("server: too many responses are unread")
	// errConnUnread aborts a response on a connection with too many unread ones.
	errConnUnread error = &reasonError{"too_many_unread", "server: too many responses of the connection are unread"}
	// errUnread means that a client did not read a chunk in time.
	errUnread error = &reasonError{"unread", "server: the response was not read in time"}
)

// reasonError is an error with a reason for the log.
type reasonError struct{ reason, text string }

func (e *reasonError) Error() string { return e.text }

// LogValue implements [slog.LogValuer].
func (e *reasonError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", e.reason))
}

// unreadResponses bounds the memory of responses that clients do not read. The
// response to a call of an authenticated user counts by its bytes, for the user.
// Any other, such as a rejection or a health check, counts as one, for its
// connection.
//
// A user or a connection may have a share of what is free at the time (dynamic
// thresholds: Choudhury and Hahne, 1998). So one that is alone may have much, a
// hundred have little each, and something is left for the next one. The first
// response of each is accepted whatever its size, or, when nothing is free, if it
// is small.
type unreadResponses struct {
	wireBytes func(proto.Message) int

	mu            sync.Mutex
	freeBytes     int64
	users         map[User]int64 // Unread bytes.
	freeResponses int64          // Each clientConn has the number of its unread ones.
}

// newUnreadResponses returns an unreadResponses. wireBytes estimates the size of
// messages on the wire; nil means [proto.Size].
func newUnreadResponses(wireBytes func(proto.Message) int) *unreadResponses {
	if wireBytes == nil {
		wireBytes = proto.Size
	}
	return &unreadResponses{
		wireBytes: wireBytes,
		freeBytes: maxUnreadBytes, users: make(map[User]int64),
		freeResponses: maxUnreadResponses,
	}
}

var _ connect.Interceptor = (*unreadResponses)(nil)

// WrapUnary counts the bytes of a response from before it is encoded until the
// end of its request.
func (u *unreadResponses) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		if err != nil {
			return nil, err
		}
		state := stateOf(ctx)
		bytes := u.bufferedBytes(res.Any())
		if err := u.acquireBytes(state.user, bytes); err != nil {
			return nil, err
		}
		state.response.acquiredBytes += bytes // withResponse releases them.
		return res, nil
	}
}

// acquireDetails counts the bytes of an error's details when they are large, as those
// of a response. Smaller errors take about as much memory as their requests did.
//
// Connect sends a detail in base64, and to callers of JSON as JSON too.
func (u *unreadResponses) acquireDetails(state *requestState, rendered *connect.Error) error {
	size := 0
	for _, detail := range rendered.Details() {
		size += len(detail.Bytes())
	}
	if u == nil || size < responseBytes {
		return nil
	}
	bytes := responseBytes + bytesPerWireByte*int64(base64.RawStdEncoding.EncodedLen(size))
	for _, detail := range rendered.Details() {
		if message, err := detail.Value(); err == nil {
			bytes += bytesPerWireByte * int64(u.wireBytes(message))
		}
	}
	if err := u.acquireBytes(state.user, bytes); err != nil {
		return err
	}
	state.response.acquiredBytes += bytes // withResponse releases them.
	return nil
}

// WrapStreamingHandler counts the bytes of each message while it is sent.
func (u *unreadResponses) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, &countedStream{StreamingHandlerConn: conn, unread: u, user: stateOf(ctx).user})
	}
}

// WrapStreamingClient implements [connect.Interceptor]; there are no clients.
func (*unreadResponses) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// countedStream counts the bytes of each message while it is sent.
type countedStream struct {
	connect.StreamingHandlerConn
	unread *unreadResponses
	user   User
}

func (s *countedStream) Send(message any) error {
	bytes := s.unread.bufferedBytes(message)
	if err := s.unread.acquireBytes(s.user, bytes); err != nil {
		return err
	}
	defer s.unread.releaseBytes(s.user, bytes)
	return s.StreamingHandlerConn.Send(message)
}

// bufferedBytes estimates the memory that a message takes while it is written.
func (u *unreadResponses) bufferedBytes(message any) int64 {
	onWire := 0
	if msg, ok := message.(proto.Message); ok {
		onWire = u.wireBytes(msg)
	}
	return responseBytes + bytesPerWireByte*int64(onWire)
}

// acquireBytes counts bytes for a user until releaseBytes is called. It fails
// with errUserUnread, or with errAllUnread when nothing is free.
func (u *unreadResponses) acquireBytes(user User, bytes int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	unread := u.users[user]
	switch {
	case u.freeBytes <= 0 && (unread > 0 || bytes > smallResponse):
		return errAllUnread
	case unread > 0 && unread+bytes > u.freeBytes/unreadByteShare:
		return errUserUnread
	}
	u.users[user] = unread + bytes
	u.freeBytes -= bytes
	return nil
}

func (u *unreadResponses) releaseBytes(user User, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.freeBytes += bytes
	if unread := u.users[user] - bytes; unread > 0 {
		u.users[user] = unread
	} else {
		delete(u.users, user)
	}
}

// acquireResponse counts a response for its connection until releaseResponse is
// called. It reports false when that would be one too many.
func (u *unreadResponses) acquireResponse(conn *clientConn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if conn.unread > 0 && conn.unread+1 > u.freeResponses/unreadResponseShare {
		return false
	}
	conn.unread++
	u.freeResponses--
	return true
}

func (u *unreadResponses) releaseResponse(conn *clientConn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	conn.unread--
	u.freeResponses++
}
