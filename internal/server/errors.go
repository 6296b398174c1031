package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// retrySoon is when the same request may succeed.
	retrySoon = time.Second
	// retryAfter is the same as a value of Retry-After.
	retryAfter = "1"
	// reopenSpread is over how long the streams come back that end at once, at the latest:
	// 10,000 of them at 2,000 a second, which a process opens beside its calls.
	reopenSpread = 5 * time.Second
)

// ErrorTable says what a caller is told of each error. The first row that
// matches counts.
type ErrorTable []ErrorRow

// ErrorRow is a row of an [ErrorTable].
type ErrorRow struct {
	Err  error // Matches as by [errors.Is].
	Code connect.Code
	Text string

	// Explain returns what to say in place of the text of an error that says more; "" for
	// others.
	Explain func(error) string

	// Retry is how long callers should wait before they try again; 0 to say nothing of
	// it. Callers of the code unavailable are always told, a second unless it is set.
	Retry time.Duration
	// Spread is by how much longer, at most, a caller is told to wait, at random. It keeps
	// callers who fail at once from coming back at once.
	Spread time.Duration

	// Detail returns a detail of the error, which the caller gets too; nil for none.
	// Over gRPC the caller gets no more than maxTrailerDetails.
	Detail func(error) proto.Message
}

// Lookup returns what a caller is told of an error, or nil when no row matches.
func (t ErrorTable) Lookup(err error) *connect.Error {
	for i := range t {
		row := &t[i]
		if errors.Is(err, row.Err) {
			return row.render(err)
		}
	}
	return nil
}

func (row *ErrorRow) render(err error) *connect.Error {
	text := row.Text
	if row.Explain != nil {
		text = cmp.Or(row.Explain(err), text)
	}
	rendered := connect.NewError(row.Code, errors.New(text))
	if row.Detail != nil {
		if detail := row.Detail(err); detail != nil {
			addDetail(rendered, detail)
		}
	}
	if row.Retry > 0 {
		addRetry(rendered, row.Retry+jitter(row.Spread))
	}
	return rendered
}

// serverErrors has the server's own errors.
func serverErrors() ErrorTable {
	return ErrorTable{
		{Err: errRateLimited, Code: connect.CodeResourceExhausted, Text: "too many requests; try again in a second", Retry: retrySoon},
		{Err: errUserUnread, Code: connect.CodeResourceExhausted, Text: "too many responses to your calls are unread; read them, or cancel the calls, and try again in a second", Retry: retrySoon},
		{Err: errAllUnread, Code: connect.CodeUnavailable, Text: "too many responses are unread at the moment; try again"},
		{Err: errTooManyStreams, Code: connect.CodeResourceExhausted, Text: "too many streams are open; close some, or try again in a second", Retry: retrySoon},
		{Err: errDraining, Code: connect.CodeUnavailable, Text: "the service is shutting down; try again", Retry: retrySoon, Spread: reopenSpread},
		{Err: errStreamDuration, Code: connect.CodeDeadlineExceeded, Text: "the stream has lasted as long as it may; open another one"},
		{Err: errStreamRenewal, Code: connect.CodeUnavailable, Text: "the stream has lasted as long as it may; open it again where it ended", Retry: retrySoon, Spread: reopenSpread},
		{Err: errExpired, Code: connect.CodeUnauthenticated, Text: "the access token has expired; open the stream again with a new one"},
	}
}

// contextErrors has the errors of contexts. It comes last, because an error that
// wraps one of them may have a row of its own.
func contextErrors() ErrorTable {
	return ErrorTable{
		{Err: context.DeadlineExceeded, Code: connect.CodeDeadlineExceeded, Text: "the call took longer than its deadline allows"},
		{Err: context.Canceled, Code: connect.CodeCanceled, Text: "the call was canceled"},
	}
}

// callerError is the caller's fault. Its text is for the caller.
type callerError string

func (e callerError) Error() string { return string(e) }

func callerErrorf(code connect.Code, format string, args ...any) *connect.Error {
	return connect.NewError(code, callerError(fmt.Sprintf(format, args...)))
}

func errTooLarge(limit int64) *connect.Error {
	return callerErrorf(connect.CodeResourceExhausted, "the request is larger than %d bytes", limit)
}

func errCallerGone() *connect.Error {
	return callerErrorf(connect.CodeCanceled, "the call was canceled")
}

func isCallersFault(err error) bool {
	_, ok := errors.AsType[callerError](err)
	return ok
}

// errorRenderer turns errors into what callers may see. It has to be the
// outermost interceptor.
type errorRenderer struct {
	lookups []func(error) *connect.Error // The first that returns an error counts.
	unread  *unreadResponses             // Counts errors with large details; nil counts none.
}

var _ connect.Interceptor = (*errorRenderer)(nil)

// newErrorRenderer returns an errorRenderer with the table of an API.
func newErrorRenderer(api func(error) *connect.Error) *errorRenderer {
	return &errorRenderer{lookups: []func(error) *connect.Error{serverErrors().Lookup, api, contextErrors().Lookup}}
}

// WrapUnary renders the errors of RPCs and of the other interceptors.
func (e *errorRenderer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		state := stateOf(ctx)
		if err == nil {
			state.endWait(nil)
			return res, nil
		}
		rendered := e.render(ctx, req.Peer().Protocol, err)
		state.endWait(err)
		if err := e.unread.acquireDetails(state, rendered); err != nil {
			return nil, e.render(ctx, req.Peer().Protocol, err)
		}
		return nil, rendered
	}
}

// render returns what the caller is told of an error, and notes the error for the
// log. An error that is already Connect's, of the validation or of reading the
// body, is passed on, unless its code means a defect.
func (e *errorRenderer) render(ctx context.Context, protocol string, err error) *connect.Error {
	rendered, ok := errors.AsType[*connect.Error](err)
	if !ok || isDefect(rendered.Code()) {
		rendered = e.lookUp(err)
	}
	switch {
	case rendered.Code() == connect.CodeUnavailable:
		if rendered.Meta().Get("Retry-After") == "" {
			addRetry(rendered, retrySoon)
		}
	case rendered.Code() == connect.CodeUnauthenticated:
		// RFC 9110 section 11.6.1 asks for it. In gRPC it would have to be a
		// trailer, which net/http does not send.
		if protocol == connect.ProtocolConnect {
			rendered.Meta().Set("WWW-Authenticate", "Bearer")
		}
	}
	state := stateOf(ctx)
	state.fail(rendered.Code(), err)
	state.expected = isExpected(ctx, state, err)
	return boundTrailer(rendered, protocol)
}

// lookUp renders an error by the tables. An error without a row is a defect: the
// caller is told that there was one, and the log has its text.
func (e *errorRenderer) lookUp(err error) *connect.Error {
	if limited, ok := errors.AsType[*rateLimitError](err); ok {
		return limited.render()
	}
	for _, lookup := range e.lookups {
		if rendered := lookup(err); rendered != nil {
			return rendered
		}
	}
	return connect.NewError(connect.CodeInternal, errors.New("internal error"))
}

// isDefect reports whether a code is that of an error whose text is for the log
// only.
func isDefect(code connect.Code) bool {
	return code == connect.CodeInternal || code == connect.CodeUnknown || code == connect.CodeDataLoss
}

// expectedError is an error that may say of itself that it is no failure of the service.
type expectedError interface {
	error
	IsExpected() bool
}

// isExpected reports whether an error is not a failure of the service, whatever
// its code: the caller's fault, one that says so, the end of a stream, or a deadline that
// the caller set and that is earlier than the server's.
func isExpected(ctx context.Context, state *requestState, err error) bool {
	if isCallersFault(err) || errors.Is(err, errDraining) || errors.Is(err, errStreamDuration) ||
		errors.Is(err, errStreamRenewal) || errors.Is(err, errExpired) {
		return true
	}
	if says, ok := errors.AsType[expectedError](err); ok && says.IsExpected() {
		return true
	}
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false
	}
	asked, _ := ctx.Deadline()
	return state.deadline.IsZero() || asked.Before(state.deadline)
}

// addRetry tells the caller when to try again: by the header Retry-After, in whole
// seconds, and by a detail. gRPC clients read the detail, and so does who reads
// server-sent events, whose error event has no headers.
func addRetry(rendered *connect.Error, delay time.Duration) {
	rendered.Meta().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	addDetail(rendered, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
}

// jitter returns a random duration below a bound, or 0 for 0.
func jitter(bound time.Duration) time.Duration {
	if bound <= 0 {
		return 0
	}
	return rand.N(bound) //nolint:gosec // Not a secret.
}

// addDetail adds a detail. It panics when the message can't be encoded, which is a
// defect, as with responses.
func addDetail(rendered *connect.Error, message proto.Message) {
	detail, err := connect.NewErrorDetail(message)
	if err != nil {
		panic(err)
	}
	rendered.AddDetail(detail)
}

// maxTrailerDetails bounds the details of an error over gRPC, in bytes before base64.
// They are sent in a trailer, and some clients and proxies fail the call when headers
// or trailers have more than 8 KiB. The other protocols send details in the body.
const maxTrailerDetails = 4 << 10

// boundTrailer returns an error without details when they are too large for gRPC.
func boundTrailer(rendered *connect.Error, protocol string) *connect.Error {
	if protocol != connect.ProtocolGRPC {
		return rendered
	}
	size := 0
	for _, detail := range rendered.Details() {
		size += len(detail.Bytes())
	}
	if size <= maxTrailerDetails {
		return rendered
	}
	bare := connect.NewError(rendered.Code(), errors.New(rendered.Message()))
	maps.Copy(bare.Meta(), rendered.Meta())
	return bare
}
