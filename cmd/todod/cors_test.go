package main

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestAPreflightNeedsNoTokenAndNoDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"})
	for method, path := range map[string]string{
		"POST":   "/todo.v1.TodoService/CreateTodo",
		"GET":    "/todo.v1.TodoService/GetTodo",
		"PATCH":  "/api/todos/" + someID,
		"DELETE": "/api/todos/" + someID,
	} {
		const headers = "authorization,connect-protocol-version,connect-timeout-ms,content-type,grpc-timeout,if-match,if-none-match,x-grpc-web,x-request-id,x-user-agent"
		res := s.do(t, "OPTIONS", path, "",
			"Origin", testOrigin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
		if res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != testOrigin ||
			res.header.Get("Access-Control-Allow-Methods") != method || res.header.Get("Access-Control-Allow-Headers") != headers {
			t.Errorf("preflight of %s: %d %v", method, res.status, res.header)
		}
	}
}

func TestAPageCanReadAnswersAndErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, res := range map[string]*response{
		"an answer":       s.do(t, "GET", "/api/todos", "", append(s.bearer("u"), "Origin", testOrigin)...),
		"a refusal":       s.do(t, "GET", "/api/todos", "", "Origin", testOrigin),
		"an unknown path": s.do(t, "GET", "/nothing", "", "Origin", testOrigin),
	} {
		exposed := strings.ToLower(res.header.Get("Access-Control-Expose-Headers"))
		for _, header := range []string{"grpc-status", "grpc-message", "grpc-status-details-bin", "www-authenticate", "retry-after", "etag", "x-request-id"} {
			if !strings.Contains(exposed, header) {
				t.Errorf("%s: %s is not exposed: %q", name, header, exposed)
			}
		}
		if res.header.Get("Access-Control-Allow-Origin") != testOrigin || !strings.Contains(res.header.Get("Vary"), "Origin") {
			t.Errorf("%s: %v", name, res.header)
		}
	}
}

func TestOtherOriginsGetNoCORSHeader(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, origin := range []string{
		"null", "https://app.example.com.evil.com", "https://evil-app.example.com", "http://app.example.com",
		"https://app.example.com:8443", "https://app.example.com.", "https://example.com", "https://APP.example.com", "*",
	} {
		for _, res := range []*response{
			s.do(t, "GET", "/api/todos", "", append(s.bearer("u"), "Origin", origin)...),
			s.do(t, "OPTIONS", "/api/todos", "", "Origin", origin, "Access-Control-Request-Method", "POST"),
		} {
			for name := range res.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%q gets %s: %v", origin, name, res.header[name])
				}
			}
		}
	}
}

// preflight asks as a page of an origin would, with Access-Control-Request-Headers
// in as many lines as there are.
func (s *service) preflight(t *testing.T, origin, method string, headers ...string) *response {
	t.Helper()
	sent := []string{"Origin", origin, "Access-Control-Request-Method", method}
	for _, line := range headers {
		sent = append(sent, "Access-Control-Request-Headers", line)
	}
	return s.do(t, "OPTIONS", "/api/todos", "", sent...)
}

func TestAPreflightMayAskInAnyOrderAndCase(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"CORS_HEADERS": "traceparent, Baggage,sentry-trace"})
	for _, headers := range [][]string{
		{"authorization,content-type"},
		{"Authorization, Content-Type"},
		{"content-type,authorization"},
		{"authorization,baggage,content-type,sentry-trace"},
		{"SENTRY-TRACE ,\tBAGGAGE,,  traceparent  "},
		{"authorization,authorization"},
		{"content-type", "authorization"}, // As some gateways split it.
		{""},
		nil,
	} {
		res := s.preflight(t, testOrigin, "POST", headers...)
		if res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != testOrigin || res.header.Get("Access-Control-Allow-Methods") != "POST" {
			t.Errorf("%q: %d %v", headers, res.status, res.header)
		}
		allowed := strings.Split(res.header.Get("Access-Control-Allow-Headers"), ",")
		for _, name := range strings.FieldsFunc(strings.ToLower(strings.Join(headers, ",")), func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			if !slices.Contains(allowed, name) {
				t.Errorf("%q: %s is not among the allowed %q", headers, name, allowed)
			}
		}
		if line := s.logs.request(t, res.header.Get("X-Request-Id")); line["reason"] != nil {
			t.Errorf("%q: the log has a reason: %v", headers, line)
		}
	}
}

func TestAPreflightThatIsGrantedNothingSaysWhyInItsLogLine(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"CORS_ORIGINS": testOrigin + ",capacitor://localhost", "LOG_LEVEL": "info"})
	const maxLoggedRunes = 65 // With an ellipsis.
	long := strings.Repeat("x-\u009b31m", 500)
	for _, test := range []struct {
		name, origin, method, headers string
		reason, refused               string
	}{
		{"another origin", "https://evil.example", "POST", "authorization", "origin_not_allowed", "https://evil.example"},
		{"no origin", "", "POST", "authorization", "origin_not_allowed", ""},
		{"null", "null", "POST", "", "origin_not_allowed", "null"},
		{"an app's origin in another case", "capacitor://Localhost", "POST", "", "origin_not_allowed", "capacitor://Localhost"},
		{"another method", testOrigin, "PUT", "", "method_not_allowed", "PUT"},
		{"a method in lower case", testOrigin, "patch", "", "method_not_allowed", "patch"},
		{"another header", "capacitor://localhost", "POST", "authorization, TraceParent,baggage", "header_not_allowed", "traceparent"},
		{"too many headers", testOrigin, "POST", strings.Repeat("authorization,", 65), "header_not_allowed", "authorization"},
		{"a long one that is not printable", testOrigin, "POST", long, "header_not_allowed", ""},
	} {
		res := s.preflight(t, test.origin, test.method, test.headers)
		if res.status != 204 {
			t.Errorf("%s: %d", test.name, res.status)
		}
		for name := range res.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s gets %s: %v", test.name, name, res.header[name])
			}
		}
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		refused, _ := line["refused"].(string)
		if line["level"] != "INFO" || line["reason"] != test.reason || test.refused != refused && test.name != "a long one that is not printable" {
			t.Errorf("%s: %v", test.name, line)
		}
		if len([]rune(refused)) > maxLoggedRunes || strings.ContainsFunc(refused, unicode.IsControl) {
			t.Errorf("%s: the log has %q", test.name, refused)
		}
	}
	if got := strings.Count(s.logs.text(), "not_allowed"); got != 9 {
		t.Errorf("%d lines say why, want one for each:\n%s", got, s.logs.text())
	}
}

func TestNamesOfHeadersAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"traceparent":              "",
		" Sentry-Trace , baggage ": "",
		"x-!#$%&'+.^_`|~1":         "",
		"*":                        "must name each header",
		"x-*":                      "must name each header",
		"":                         "number 1 of the list",
		"a,,b":                     "number 2 of the list",
		"a,":                       "number 2 of the list",
		"a b":                      "number 1 of the list",
		"a:b":                      "number 1 of the list",
		"héader":                   "number 1 of the list",
		"a\nb":                     "number 1 of the list",
		"Cookie":                   "browsers don't let pages send it",
		"sec-fetch-site":           "browsers don't let pages send it",
	} {
		var names headerNames
		if err := names.UnmarshalText([]byte(text)); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
