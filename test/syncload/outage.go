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
// without an answer, or with one that says so.
func IsOutage(err error) bool {
	code := connect.CodeOf(err)
	return !connect.IsWireError(err) || code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded
}

// isRefusal reports whether a write was refused since the todo has another version, or is
// gone.
func isRefusal(err error) bool {
	code := connect.CodeOf(err)
	return connect.IsWireError(err) && (code == connect.CodeAborted || code == connect.CodeNotFound)
}

// retryDelay returns how long a failure asks its caller to wait.
func retryDelay(err error) time.Duration {
	failed, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return retryPause
	}
	for _, detail := range failed.Details() {
		if value, err := detail.Value(); err == nil {
			if info, ok := value.(*errdetails.RetryInfo); ok {
				return info.GetRetryDelay().AsDuration()
			}
		}
	}
	return retryPause
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
