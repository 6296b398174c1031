package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
)

const (
	// maxUnreadBytes bounds the memory of answers to users' calls from the
	// moment they are there until they are written. A user alone may have 3.8
	// MiB of it: six pages of the longest.
	maxUnreadBytes  = 64 << 20
	unreadByteShare = 16
	// maxUnreadResponses bounds the number of other answers, each of which takes
	// the 20 KB of any request under way. A connection alone may have 113 of
	// them, which is more than its streams.
	maxUnreadResponses  = 1024
	unreadResponseShare = 8

	// responseBytes is what an answer holds however small it is, in buffers.
	responseBytes = 4 << 10
	// smallResponse is what passes when nothing is free: about as much as the
	// request holds that it belongs to.
	smallResponse = 32 << 10
	// heldPerByte is what an answer holds for each byte that it has on the
	// wire: 1.25 in the buffer that it is encoded in, and up to 1.3 in one that
	// it is compressed in, which for most texts is a third of that.
	heldPerByte = 2
)

var (
	// errUserUnread says that a user has too many answers that nobody reads.
	errUserUnread error = &reasonError{"too_many_unread", "server: too many answers of the user are unread"}
	// errAllUnread says that all users together have.
	errAllUnread = errors.New("server: too many answers are unread")
	// errConnUnread says that a connection has too many answers that nobody
	// reads.
	errConnUnread error = &reasonError{"too_many_unread", "server: too many answers of the connection are unread"}
	// errUnread says that an answer was not read in time.
	errUnread error = &reasonError{"unread", "server: the answer was not read in time"}
)

// reasonError is an error whose reason the log tells.
type reasonError struct{ reason, text string }

func (e *reasonError) Error() string { return e.text }

// LogValue implements [slog.LogValuer].
func (e *reasonError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", e.reason))
}

// unreadResponses bounds what readers who don't read make the service hold. The
// answers to a user's calls count by their bytes, as the user's. Others, to
// calls that are refused and to health checks, count as their connection's.
//
// Nobody has a fixed bound: each may have a part of what is free (dynamic
// thresholds: Choudhury and Hahne, 1998). So one alone may have much, a hundred
// have little each, and something is left for whoever comes next. The first
// answer of each passes whatever its size; when nothing is free, if it is small.
type unreadResponses struct {
	wireBytes func(proto.Message) int

	mu            sync.Mutex
	freeBytes     int64
	users         map[User]int64
	freeResponses int64 // Of maxUnreadResponses; clientConn.unread has the others.
}

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

// acquireResponse counts an answer as its connection's, until releaseResponse, unless
// it is one too many.
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

// acquireBytes counts the bytes of an answer as the user's, until releaseBytes. It
// fails with errUserUnread, or with errAllUnread when nothing is free.
func (u *unreadResponses) acquireBytes(user User, bytes int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	has := u.users[user]
	switch {
	case u.freeBytes <= 0 && (has > 0 || bytes > smallResponse):
		return errAllUnread
	case has > 0 && has+bytes > u.freeBytes/unreadByteShare:
		return errUserUnread
	}
	u.users[user] = has + bytes
	u.freeBytes -= bytes
	return nil
}

func (u *unreadResponses) releaseBytes(user User, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.freeBytes += bytes
	if has := u.users[user] - bytes; has > 0 {
		u.users[user] = has
	} else {
		delete(u.users, user)
	}
}

// bufferedBytes estimates what a message holds in memory while it is written.
func (u *unreadResponses) bufferedBytes(message any) int64 {
	onWire := 0
	if msg, ok := message.(proto.Message); ok {
		onWire = u.wireBytes(msg)
	}
	return responseBytes + heldPerByte*int64(onWire)
}

var _ connect.Interceptor = (*unreadResponses)(nil)

// WrapUnary counts an answer from before it is encoded until its request has
// ended.
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

// WrapStreamingHandler counts each message of a stream while it is sent.
func (u *unreadResponses) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, &countedStream{StreamingHandlerConn: conn, unread: u, user: stateOf(ctx).user})
	}
}

// WrapStreamingClient is for clients, of which there are none here.
func (*unreadResponses) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// countedStream is a stream whose messages count while they are sent.
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
