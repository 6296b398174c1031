package server

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
)

const (
	// corsMaxAge is how long a browser may cache a preflight's response, in
	// seconds. It is Chromium's maximum.
	corsMaxAge = 7200

	// maxRequestedHeaders bounds how many headers a preflight may ask for. Pages
	// ask for a handful.
	maxRequestedHeaders = 64

	// maxLoggedRequest bounds what a log line quotes of a preflight, in bytes.
	maxLoggedRequest = 64
)

const (
	preflightMethod  = "Access-Control-Request-Method"
	preflightHeaders = "Access-Control-Request-Headers"
)

// corsPolicy says which pages may call, and what they may send.
type corsPolicy struct {
	origins []string
	methods []string
	headers []string // In lower case.
}

// withCORS lets pages of the origins call, by every protocol that browsers
// support, and send additional headers. The log says why a preflight was rejected,
// since browsers do not.
func withCORS(origins, headers []string, next http.Handler) http.Handler {
	p := &corsPolicy{
		origins: origins,
		methods: append(connectcors.AllowedMethods(), http.MethodPatch, http.MethodDelete),
	}
	for _, name := range slices.Concat(connectcors.AllowedHeaders(), []string{"Authorization", "If-Match", "If-None-Match", "Last-Event-ID", requestIDHeader}, headers) {
		p.headers = append(p.headers, strings.ToLower(name))
	}
	library := cors.New(cors.Options{
		// The library's own list of origins allows wildcards.
		AllowOriginFunc: p.hasOrigin,
		AllowedMethods:  p.methods,
		AllowedHeaders:  slices.Clone(p.headers), // The library sorts it.
		ExposedHeaders:  append(connectcors.ExposedHeaders(), "WWW-Authenticate", "Retry-After", "ETag", requestIDHeader),
		MaxAge:          corsMaxAge,
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get(preflightMethod) != "" {
			if refused := p.prepare(r); refused != nil {
				stateOf(r.Context()).cause = refused
			}
		}
		library.ServeHTTP(w, r)
	})
}

// preflightError is why a preflight is rejected.
type preflightError struct {
	reason  string // origin_not_allowed, method_not_allowed, header_not_allowed
	request string // What is not allowed, as the browser sent it.
}

func (p *preflightError) Error() string { return "server: the preflight is refused: " + p.reason }

// LogValue implements [slog.LogValuer].
func (p *preflightError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", p.reason), slog.String("refused", shorten(p.request, maxLoggedRequest)))
}

// prepare sorts the headers that a preflight asks for and puts them in lower case.
// The library expects that form. Browsers send it (Fetch standard, "CORS-unsafe
// request-header names"), proxies and native apps do not. It returns why the
// preflight is rejected, or nil.
func (p *corsPolicy) prepare(r *http.Request) *preflightError {
	var names []string
	refused, isRefused := "", false
	for name := range strings.SplitSeq(strings.Join(r.Header[preflightHeaders], ","), ",") {
		lower := strings.ToLower(strings.Trim(name, " \t"))
		switch {
		case lower == "":
			continue // RFC 9110 section 5.6.1.2 allows empty elements.
		case !isRefused && (len(names) == maxRequestedHeaders || !slices.Contains(p.headers, lower)):
			refused, isRefused = lower, true
		}
		if len(names) < maxRequestedHeaders {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	if len(names) > 0 && !isRefused {
		r.Header[preflightHeaders] = []string{strings.Join(slices.Compact(names), ",")}
	}
	origin, method := r.Header.Get("Origin"), r.Header.Get(preflightMethod)
	switch {
	case !p.hasOrigin(origin):
		return &preflightError{"origin_not_allowed", origin}
	case !slices.Contains(p.methods, method) && method != http.MethodOptions: // The library allows OPTIONS.
		return &preflightError{"method_not_allowed", method}
	case isRefused:
		return &preflightError{"header_not_allowed", refused}
	}
	return nil
}

func (p *corsPolicy) hasOrigin(origin string) bool { return slices.Contains(p.origins, origin) }
