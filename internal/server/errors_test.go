package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestErrorsAreRenderedByTheTables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		code connect.Code
	}{
		{"a caller above its rate", errRateLimited, connect.CodeResourceExhausted},
		{"a user's answers that nobody reads", errUserUnread, connect.CodeResourceExhausted},
		{"everybody's", errAllUnread, connect.CodeUnavailable},
		{"one stream too many", errTooManyStreams, connect.CodeResourceExhausted},
		{"a stream that the drain ends", errDraining, connect.CodeUnavailable},
		{"a stream that has lasted long enough", errStreamDuration, connect.CodeDeadlineExceeded},
		{"an error of Connect that is a defect", connect.NewError(connect.CodeInternal, errors.New("secret")), connect.CodeInternal},
		{"a code of Connect for what nobody foresaw", connect.NewError(connect.CodeUnknown, errors.New("secret")), connect.CodeInternal},
		{"an error of the API", errMissing, connect.CodeNotFound},
		{"one that passes", errAway, connect.CodeUnavailable},
		{"one that passes, because of a deadline", fmt.Errorf("%w: %w", errAway, context.DeadlineExceeded), connect.CodeUnavailable},
		{"a deadline", context.DeadlineExceeded, connect.CodeDeadlineExceeded},
		{"a caller that is gone", context.Canceled, connect.CodeCanceled},
		{"a panic", &panicError{value: "secret"}, connect.CodeInternal},
		{"an error that nobody foresaw", errors.New("secret"), connect.CodeInternal},
	} {
		for _, err := range []error{test.err, fmt.Errorf("secret: %w", test.err)} {
			state := new(requestState)
			rendered := newErrorRenderer(testErrors().Lookup).render(context.WithValue(t.Context(), stateKey{}, state), connect.ProtocolConnect, err)
			if rendered.Code() != test.code {
				t.Errorf("%s: rendered as %v, want %v", test.name, rendered.Code(), test.code)
			}
			if message := rendered.Message(); message == "" || strings.Contains(message, "secret") {
				t.Errorf("%s: the caller is told %q", test.name, message)
			}
			if state.code != test.code || !errors.Is(state.cause, test.err) {
				t.Errorf("%s: logged as %v, %v", test.name, state.code, state.cause)
			}
			again := test.code == connect.CodeUnavailable || errors.Is(err, errRateLimited) || errors.Is(err, errUserUnread) || errors.Is(err, errTooManyStreams)
			if advice := rendered.Meta().Get("Retry-After"); (advice != "") != again {
				t.Errorf("%s: Retry-After is %q", test.name, advice)
			}
			if hasRetryInfo(rendered) != again {
				t.Errorf("%s: it has the details %v", test.name, rendered.Details())
			}
		}
	}
}

// TestStreamsThatEndAtOnceDontComeBackAtOnce is about drains and renewals.
func TestStreamsThatEndAtOnceDontComeBackAtOnce(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errDraining, errStreamRenewal} {
		delays, seconds := make(map[time.Duration]bool), make(map[string]bool)
		for range 200 {
			rendered := serverErrors().Lookup(err)
			for _, detail := range rendered.Details() {
				value, _ := detail.Value()
				info, _ := value.(*errdetails.RetryInfo)
				delay := info.GetRetryDelay().AsDuration()
				after, convErr := strconv.Atoi(rendered.Meta().Get("Retry-After"))
				if delay < retrySoon || delay > retrySoon+reopenSpread || convErr != nil || time.Duration(after-1)*time.Second >= delay || time.Duration(after)*time.Second < delay {
					t.Errorf("%v: back after %v, Retry-After %d, %v", err, delay, after, convErr)
				}
				delays[delay], seconds[rendered.Meta().Get("Retry-After")] = true, true
			}
		}
		if len(delays) < 100 || len(seconds) < 3 {
			t.Errorf("%v: back after %v", err, delays)
		}
	}
}

func TestGRPCCallersGetNoChallenge(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{
		connect.ProtocolConnect: "Bearer",
		connect.ProtocolGRPC:    "",
		connect.ProtocolGRPCWeb: "",
	} {
		rendered := newErrorRenderer(testErrors().Lookup).render(t.Context(), protocol, errNobody)
		if got := rendered.Meta().Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: WWW-Authenticate is %q, want %q", protocol, got, want)
		}
	}
}

// TestLargeDetailsAreLeftOutOverGRPC because they would be in a trailer.
func TestLargeDetailsAreLeftOutOverGRPC(t *testing.T) {
	t.Parallel()
	errLarge := errors.New("large")
	for _, protocol := range []string{connect.ProtocolConnect, connect.ProtocolGRPC, connect.ProtocolGRPCWeb} {
		for size, isLarge := range map[int]bool{maxTrailerDetails - 100: false, maxTrailerDetails + 1: true} {
			table := ErrorTable{{
				Err: errLarge, Code: connect.CodeUnavailable, Text: "large",
				Detail: func(error) proto.Message { return wrapperspb.String(strings.Repeat("a", size)) },
			}}
			ctx := context.WithValue(t.Context(), stateKey{}, new(requestState))
			rendered := newErrorRenderer(table.Lookup).render(ctx, protocol, errLarge)
			if want := !isLarge || protocol != connect.ProtocolGRPC; (len(rendered.Details()) == 2) != want { // The other is RetryInfo.
				t.Errorf("%d bytes over %s: %d details", size, protocol, len(rendered.Details()))
			}
			if rendered.Code() != connect.CodeUnavailable || rendered.Message() != "large" || rendered.Meta().Get("Retry-After") == "" {
				t.Errorf("%d bytes over %s: %v, %v", size, protocol, rendered, rendered.Meta())
			}
		}
	}
}

// TestErrorsWithLargeDetailsCountAsUnread has a user who reads no errors.
func TestErrorsWithLargeDetailsCountAsUnread(t *testing.T) {
	t.Parallel()
	const size = 10_000
	detail, err := connect.NewErrorDetail(wrapperspb.String(strings.Repeat("a", size)))
	if err != nil {
		t.Fatal(err)
	}
	large, small := connect.NewError(connect.CodeAborted, errAway), connect.NewError(connect.CodeAborted, errAway)
	large.AddDetail(detail)
	unread := newUnreadResponses(nil)
	accepted := 0
	var counted int64
	for accepted < maxUnreadBytes/size {
		state := &requestState{user: userName("u")}
		if err = unread.acquireDetails(state, large); err != nil {
			break
		}
		counted += state.response.acquiredBytes
		accepted++
	}
	if !errors.Is(err, errUserUnread) || counted < int64(accepted*size) {
		t.Errorf("after %d errors of %d bytes, counted as %d: %v", accepted, size, counted, err)
	}
	if err := unread.acquireDetails(&requestState{user: userName("u")}, small); err != nil {
		t.Errorf("an error without details: %v", err)
	}
	unread.releaseBytes(userName("u"), counted)
	unread.isWhole(t)
}
