package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// WrapStreamingHandler renders the error that ends a stream, and notes for the
// log why it ended.
func (e *errorRenderer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		state := stateOf(ctx)
		if conn.Spec().StreamType&connect.StreamTypeClient != 0 {
			// A handler that waits in Receive returns only when reading fails.
			defer afterFunc(ctx, func() {
				_ = http.NewResponseController(&state.response).SetReadDeadline(time.Now())
			})()
		}
		err := next(ctx, &streamConn{StreamingHandlerConn: conn, ctx: ctx})
		if ctx.Err() != nil && (err == nil || isContextError(err)) {
			err = context.Cause(ctx)
		}
		state.ended = endOf(ctx, err)
		if err == nil || errors.Is(err, errStreamDone) {
			return nil
		}
		return e.render(ctx, conn.Peer().Protocol, err)
	}
}

// WrapStreamingClient implements [connect.Interceptor]; there are no clients.
func (*errorRenderer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func endOf(ctx context.Context, err error) streamEnd {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDraining), errors.Is(err, errStreamDone):
		return endDrain
	case errors.Is(cause, errStreamDuration), errors.Is(cause, errStreamRenewal):
		return endLength
	case errors.Is(cause, errExpired):
		return endExpiry
	case cause != nil, isCallersFault(err):
		return endCaller
	case err != nil:
		return endError
	}
	return endDone
}

// streamConn replaces Connect's errors, whose texts quote net/http, by the
// server's own.
type streamConn struct {
	connect.StreamingHandlerConn
	ctx context.Context //nolint:containedctx // The stream's; Receive and Send are not given one.
}

func (c *streamConn) Receive(message any) error {
	err := c.StreamingHandlerConn.Receive(message)
	cause := context.Cause(c.ctx)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause // It is why the read failed.
	case isCallersFault(err):
		return err
	case cause != nil:
		return cause
	}
	switch failure, _ := errors.AsType[*connect.Error](err); failure.Code() {
	case connect.CodeResourceExhausted: // Too large after decompression.
		return errTooLarge(stateOf(c.ctx).messageLimit())
	case connect.CodeInvalidArgument: // Not to be decompressed or decoded; the text says why.
		return callerErrorf(connect.CodeInvalidArgument, "%s", failure.Message())
	}
	return callerErrorf(connect.CodeInvalidArgument, "the message breaks the protocol")
}

func (c *streamConn) Send(message any) error {
	err := c.StreamingHandlerConn.Send(message)
	switch {
	case err == nil:
		if stream := stateOf(c.ctx).stream; stream != nil {
			stream.sent++
		}
		return nil
	case connect.CodeOf(err) == connect.CodeInternal: // The compression failed.
		return err
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case connect.CodeOf(err) == connect.CodeDeadlineExceeded:
		return callerErrorf(connect.CodeDeadlineExceeded, "the response was not read in time")
	}
	return errCallerGone() // Nothing else makes a write fail.
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
