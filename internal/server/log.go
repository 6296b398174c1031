package server

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
)

// maxLoggedPath bounds the path in a log line, in bytes.
const maxLoggedPath = 256

// withLog writes one line per request when it is done.
func withLog(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		state := stateOf(r.Context())
		state.protocol = protocolOf(r)
		// Deferred: a panic that aborts the connection gets its line too.
		defer func() { state.log(logger, r, start) }()
		next.ServeHTTP(w, r)
	})
}

func (s *requestState) log(logger *slog.Logger, r *http.Request, start time.Time) {
	level := s.level()
	if !logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", s.id),
		slog.String("method", r.Method),
		slog.String("path", printable(shorten(r.URL.Path, maxLoggedPath))),
		slog.String("procedure", s.procedure),
		slog.String("protocol", s.protocol),
		slog.Int("status", s.response.statusCode()),
		slog.String("code", codeName(s.finalCode(r))),
		slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000),
		slog.String("user_id", printable(s.userID())),
	}
	if s.ended != "" {
		attrs = append(attrs, slog.String("ended", string(s.ended)))
	}
	if s.stream != nil {
		attrs = append(attrs, slog.Int("messages", s.stream.sent))
	}
	if id := cmp.Or(s.traceID, callersTraceID(r.Header)); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if level == slog.LevelError && s.cause != nil {
		attrs = append(attrs, slog.String("cause", s.cause.Error()))
	} else if s.cause != nil {
		attrs = append(attrs, reasonOf(s.cause)...)
	}
	logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// finalCode returns the code of a request that is done, 0 unless it failed.
func (s *requestState) finalCode(r *http.Request) connect.Code {
	code := s.code
	if code == 0 {
		code = writtenCode(&s.response)
	}
	if code == 0 && s.stream != nil && s.ended == "" {
		code = refusedStreamCode(r)
	}
	return code
}

// level is error for a failure of the service, warn for a rejected token, debug
// for a health check and info for everything else. A message that breaks the
// protocol is info too, though Connect calls it internal.
func (s *requestState) level() slog.Level {
	switch s.code {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss,
		connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		if !s.expected {
			return slog.LevelError
		}
	case connect.CodeUnauthenticated:
		if !s.expected {
			return slog.LevelWarn
		}
	}
	if s.probe {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// codeName returns a code's name in the log; success is "ok", as in gRPC.
func codeName(code connect.Code) string {
	if code == 0 {
		return "ok"
	}
	return code.String()
}

// reasonOf returns the attributes of an error that is a [slog.LogValuer], for
// instance why a token was rejected. For other errors it returns nil.
func reasonOf(cause error) []slog.Attr {
	var valuer interface {
		error
		slog.LogValuer
	}
	if !errors.As(cause, &valuer) {
		return nil
	}
	value := valuer.LogValue().Resolve()
	if value.Kind() != slog.KindGroup {
		return nil
	}
	attrs := slices.Clone(value.Group())
	for i, attr := range attrs {
		if attr.Value.Kind() == slog.KindString {
			attrs[i].Value = slog.StringValue(printable(attr.Value.String()))
		}
	}
	return attrs
}

// writtenCode returns the code of a response that Connect wrote by itself, when
// it could not read, decompress or decode a message.
func writtenCode(w *responseWriter) connect.Code {
	header := w.Header()
	for _, name := range []string{"Grpc-Status", grpcStatusTrailer} {
		if values := header[name]; len(values) > 0 && values[0] != "" {
			code, _ := strconv.ParseUint(values[0], 10, 32)
			return connect.Code(code)
		}
	}
	switch status := w.statusCode(); {
	case status < http.StatusBadRequest:
		return 0
	case status == http.StatusBadRequest:
		return connect.CodeInvalidArgument
	case status == http.StatusTooManyRequests:
		return connect.CodeResourceExhausted
	case status == statusClientClosedRequest:
		return connect.CodeCanceled
	case status == http.StatusNotImplemented:
		return connect.CodeUnimplemented
	case status == http.StatusServiceUnavailable:
		return connect.CodeUnavailable
	case status == http.StatusGatewayTimeout:
		return connect.CodeDeadlineExceeded
	}
	return connect.CodeUnknown
}

// refusedStreamCode returns the code of a Connect stream that Connect refused
// before it ran the handler: because of its compression, or else of its timeout or
// version. Only the response's body has that code.
func refusedStreamCode(r *http.Request) connect.Code {
	if mayCompress(r) {
		return connect.CodeUnimplemented
	}
	return connect.CodeInvalidArgument
}

// statusClientClosedRequest is the status that Connect sends for
// [connect.CodeCanceled].
const statusClientClosedRequest = 499

// shorten cuts s to at most limit bytes, at the end of a character.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// printable replaces the control characters that JSON does not escape: DEL, and
// U+0080 to U+009F. Some terminals take U+009B for ESC [.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if 0x7f <= r && r <= 0x9f {
			return utf8.RuneError
		}
		return r
	}, s)
}
