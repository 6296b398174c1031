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
	// corsMaxAge is how long a browser may keep a preflight's answer, in
	// seconds; Chromium keeps none longer.
	corsMaxAge = 7200

	// maxRequestedHeaders is how many headers a preflight may ask for. Pages
	// send a handful.
	maxRequestedHeaders = 64

	// maxLoggedRequest bounds what a preflight asked for in a log line, in bytes.
	maxLoggedRequest = 64
)

const (
	preflightMethod  = "Access-Control-Request-Method"
	preflightHeaders = "Access-Control-Request-Headers"
)

// pages are the pages that may call, and what they may send.
type pages struct {
	origins []string
	methods []string
	headers []string // In lower case.
}

// withCORS lets the pages of the origins call, by every protocol that a browser
// can speak, and send further headers. A preflight that is granted nothing says
// why in the log: the browser doesn't tell.
func withCORS(origins, headers []string, next http.Handler) http.Handler {
	p := &pages{
		origins: origins,
		methods: append(connectcors.AllowedMethods(), http.MethodPatch, http.MethodDelete),
	}
	for _, name := range slices.Concat(connectcors.AllowedHeaders(), []string{"Authorization", requestIDHeader}, headers) {
		p.headers = append(p.headers, strings.ToLower(name))
	}
	library := cors.New(cors.Options{
		// Exactly: the library's own list takes wildcards.
		AllowOriginFunc: p.hasOrigin,
		AllowedMethods:  p.methods,
		AllowedHeaders:  slices.Clone(p.headers), // The library sorts it.
		ExposedHeaders:  append(connectcors.ExposedHeaders(), "WWW-Authenticate", "Retry-After", requestIDHeader),
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

// preflightError says why a preflight is granted nothing.
type preflightError struct {
	reason  string // origin_not_allowed, method_not_allowed, header_not_allowed
	request string // What isn't allowed, as it was sent.
}

func (p *preflightError) Error() string { return "server: the preflight is refused: " + p.reason }

// LogValue implements [slog.LogValuer].
func (p *preflightError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("reason", p.reason), slog.String("refused", shorten(p.request, maxLoggedRequest)))
}

// prepare brings the headers that a preflight asks for into the form that the
// library expects, sorted and in lower case: browsers send that (Fetch standard,
// "CORS-unsafe request-header names"), proxies and native apps don't. It returns
// what is not allowed, nil when all is.
func (p *pages) prepare(r *http.Request) *preflightError {
	var names []string
	refused, isRefused := "", false
	for name := range strings.SplitSeq(strings.Join(r.Header[preflightHeaders], ","), ",") {
		lower := strings.ToLower(strings.Trim(name, " \t"))
		switch {
		case lower == "":
			continue // RFC 9110 section 5.6.1.2 wants a few to be taken.
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
	case !slices.Contains(p.methods, method) && method != http.MethodOptions: // As the library has it.
		return &preflightError{"method_not_allowed", method}
	case isRefused:
		return &preflightError{"header_not_allowed", refused}
	}
	return nil
}

func (p *pages) hasOrigin(origin string) bool { return slices.Contains(p.origins, origin) }
