package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// WrapStreamingHandler renders what ends a stream, and notes why it ended.
func (e *errorRenderer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		x := exchangeOf(ctx)
		if conn.Spec().StreamType&connect.StreamTypeClient != 0 {
			// A handler that waits in Receive notices the end only when
			// reading fails.
			defer afterFunc(ctx, func() {
				_ = http.NewResponseController(&x.answer).SetReadDeadline(time.Now())
			})()
		}
		err := next(ctx, &streamConn{StreamingHandlerConn: conn, ctx: ctx})
		if ctx.Err() != nil && (err == nil || isContextError(err)) {
			err = context.Cause(ctx)
		}
		x.ended = endOf(ctx, err)
		if err == nil || errors.Is(err, errStreamDone) {
			return nil
		}
		return e.render(ctx, conn.Peer().Protocol, err)
	}
}

// WrapStreamingClient leaves clients alone.
func (*errorRenderer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// streamEnd is why a stream ended, for the log.
type streamEnd string

const (
	endDone   streamEnd = "done"   // Its handler was done.
	endError  streamEnd = "error"  // Its handler failed.
	endCaller streamEnd = "caller" // The caller left, had no more time, or broke the protocol.
	endLength streamEnd = "length" // It lasted as long as it may.
	endDrain  streamEnd = "drain"  // The service drains.
)

func endOf(ctx context.Context, err error) streamEnd {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDraining), errors.Is(err, errStreamDone):
		return endDrain
	case errors.Is(cause, errStreamLength):
		return endLength
	case cause != nil, isCallersFault(err):
		return endCaller
	case err != nil:
		return endError
	}
	return endDone
}

// streamConn replaces the errors of Connect, which quote net/http, by ours.
type streamConn struct {
	connect.StreamingHandlerConn
	ctx context.Context
}

func (c *streamConn) Receive(message any) error {
	err := c.StreamingHandlerConn.Receive(message)
	cause := context.Cause(c.ctx)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause // It made the read fail.
	case isCallersFault(err):
		return err
	case cause != nil:
		return cause
	}
	switch failure, _ := errors.AsType[*connect.Error](err); failure.Code() {
	case connect.CodeResourceExhausted: // After its decompression.
		return errTooLarge()
	case connect.CodeInvalidArgument: // It can't be decompressed or decoded, and is told why.
		return callerErrorf(connect.CodeInvalidArgument, "%s", failure.Message())
	}
	return callerErrorf(connect.CodeInvalidArgument, "the message breaks the protocol")
}

func (c *streamConn) Send(message any) error {
	err := c.StreamingHandlerConn.Send(message)
	switch {
	case err == nil || connect.CodeOf(err) == connect.CodeInternal: // A compression that fails.
		return err
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case connect.CodeOf(err) == connect.CodeDeadlineExceeded:
		return callerErrorf(connect.CodeDeadlineExceeded, "the answer was not read in time")
	}
	return errCallerGone() // The only other reason why an answer can't be written.
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
