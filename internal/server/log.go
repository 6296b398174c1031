package server

import (
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

// loggedAttrs is how many attributes every log line has.
const loggedAttrs = 9

// withLog writes one line per request when it is done.
func withLog(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		x := exchangeOf(r.Context())
		x.protocol = protocolOf(r)
		// Deferred: a panic that aborts the connection gets its line too.
		defer func() { x.log(logger, r, start) }()
		next.ServeHTTP(w, r)
	})
}

func (x *exchange) log(logger *slog.Logger, r *http.Request, start time.Time) {
	now, level := time.Now(), x.level()
	if !logger.Enabled(x, level) {
		return
	}
	code := x.code
	if code == 0 {
		code = answeredCode(&x.answer)
	}
	if code == 0 && x.stream != nil && x.ended == "" {
		code = refusedStreamCode(r)
	}
	// Not by the logger: it would look for the line of source, which isn't
	// logged, and for the time once more.
	record := slog.NewRecord(now, level, "request", 0)
	x.logged = [loggedAttrs]slog.Attr{
		slog.String("request_id", x.requestID[0]),
		slog.String("method", r.Method),
		slog.String("path", printable(shorten(r.URL.Path, maxLoggedPath))),
		slog.String("procedure", x.procedure),
		slog.String("protocol", x.protocol),
		slog.Int("status", x.answer.answered()),
		slog.String("code", codeName(code)),
		slog.Float64("duration_ms", float64(now.Sub(start).Microseconds())/1000),
		slog.String("user_id", printable(x.userID())),
	}
	// As a group without a name, which is no group in the line: a record has
	// no room for so many.
	record.AddAttrs(slog.GroupAttrs("", x.logged[:]...))
	if x.ended != "" {
		record.AddAttrs(slog.String("ended", string(x.ended)))
	}
	if level == slog.LevelError && x.cause != nil {
		record.AddAttrs(slog.String("cause", x.cause.Error()))
	} else if x.cause != nil {
		record.AddAttrs(reasonOf(x.cause)...)
	}
	_ = logger.Handler().Handle(x, record) // It fails when stdout does.
}

// reasonOf returns what an error that is a [slog.LogValuer] has to say: its
// attributes, or nothing.
func reasonOf(cause error) []slog.Attr {
	var reason interface {
		error
		slog.LogValuer
	}
	if !errors.As(cause, &reason) {
		return nil
	}
	value := reason.LogValue().Resolve()
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

// userID is how the log names the user, nobody as "".
func (x *exchange) userID() string {
	if x.user == nil {
		return ""
	}
	return x.user.String()
}

// shorten cuts s to at most limit bytes, at the end of a character.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// printable replaces the control characters that JSON lets stand as they are:
// DEL, and U+0080 to U+009F, of which some terminals take U+009B for ESC [.
func printable(s string) string {
	if isPrintableASCII(s) {
		return s // Nearly always, and at a tenth of the cost.
	}
	return strings.Map(func(r rune) rune {
		if 0x7f <= r && r <= 0x9f {
			return utf8.RuneError
		}
		return r
	}, s)
}

// level is error for what this side is to blame for, warn for a refused
// token, debug for probes, and info for the rest: also for what Connect calls
// internal by itself, which is a message that breaks its protocol.
func (x *exchange) level() slog.Level {
	switch x.code {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss,
		connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		if !x.expected {
			return slog.LevelError
		}
	case connect.CodeUnauthenticated:
		return slog.LevelWarn
	}
	if x.probe {
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

// answeredCode reads the code off an answer that Connect gave by itself: to a
// message that it could not read, decompress or decode.
func answeredCode(w *answerWriter) connect.Code {
	header := w.Header()
	for _, name := range []string{"Grpc-Status", grpcStatusTrailer} {
		if values := header[name]; len(values) > 0 && values[0] != "" {
			code, _ := strconv.ParseUint(values[0], 10, 32)
			return connect.Code(code)
		}
	}
	switch status := w.answered(); {
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

// refusedStreamCode returns the code of a stream in Connect's protocol that
// Connect refused before it ran a handler: for its compression, or else for its
// timeout or version. The answer has it in its body only.
func refusedStreamCode(r *http.Request) connect.Code {
	if mayCompress(r) {
		return connect.CodeUnimplemented
	}
	return connect.CodeInvalidArgument
}

// grpcStatusTrailer is where Connect puts the status of a gRPC answer.
const grpcStatusTrailer = http.TrailerPrefix + "Grpc-Status"

// statusClientClosedRequest is what Connect answers to a caller that is gone.
const statusClientClosedRequest = 499

// protocolHTTP and protocolREST are what is spoken beside Connect's protocols.
const (
	protocolHTTP = "http"
	protocolREST = "rest"
)

// protocolOf names the protocol of a request by its content type. What is
// neither gRPC's nor gRPC-Web's is plain HTTP, until a route knows better.
func protocolOf(r *http.Request) string {
	contentType := r.Header.Get("Content-Type")
	if len(contentType) > maxParsedHeaderBytes {
		return protocolHTTP
	}
	switch strings.ToLower(contentType) {
	case "application/grpc", "application/grpc+proto", "application/grpc+json":
		return connect.ProtocolGRPC
	case "application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json":
		return connect.ProtocolGRPCWeb
	}
	return protocolHTTP
}

// isGRPC says whether a request's answer carries its status beside the HTTP
// status, and its message in an envelope.
func isGRPC(r *http.Request) bool {
	return r.Method == http.MethodPost && protocolOf(r) != protocolHTTP
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x7f {
			return false
		}
	}
	return true
}
