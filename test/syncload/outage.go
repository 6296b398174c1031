//go:build linux

package syncload

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// retryPause is how long callers wait after a failure, unless they obey what it says.
const retryPause = 20 * time.Millisecond

// IsOutage reports whether a call failed as calls may during an outage: unreached,
// without an answer, or with one that says so. [Run.Responses] tells these apart. A
// deadline that has passed is none: these callers set no deadline.
func IsOutage(err error) bool {
	return !connect.IsWireError(err) || connect.CodeOf(err) == connect.CodeUnavailable
}

// isRefusal reports whether a write was refused since the todo has another version, or is
// gone.
func isRefusal(err error) bool {
	code := connect.CodeOf(err)
	return connect.IsWireError(err) && (code == connect.CodeAborted || code == connect.CodeNotFound)
}

// retryDelay returns how long a failure asks its caller to wait; ok is false when it doesn't
// ask.
func retryDelay(err error) (delay time.Duration, ok bool) {
	failed, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return 0, false
	}
	for _, detail := range failed.Details() {
		if value, err := detail.Value(); err == nil {
			if info, ok := value.(*errdetails.RetryInfo); ok {
				return info.GetRetryDelay().AsDuration(), true
			}
		}
	}
	return 0, false
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
