package rpc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// refusal is a request without a token.
type refusal struct {
	name, method, target string
	header               http.Header
}

// refusals lists a plain one, and such as are long or odd, for which there is
// much to do for whoever does it.
func refusals() []refusal {
	const post = todov1connect.TodoServiceListTodosProcedure
	const get = post + "?connect=v1&encoding=json&message="
	const long = 15 << 10 // Nearly what a request has room for.
	many := make(http.Header)
	for i := range 1200 {
		many.Set(fmt.Sprint("A", i), "b")
	}
	var parameters strings.Builder // Of a media type.
	for i := range 1500 {
		fmt.Fprintf(&parameters, ";a%d=b", i)
	}
	with := func(name, value string) http.Header {
		header := http.Header{"Content-Type": {"application/json"}}
		header.Set(name, value)
		return header
	}
	plain := with("Content-Type", "application/json")
	return []refusal{
		{"plain", http.MethodPost, post, plain},
		{"a GET", http.MethodGet, get + "%7B%7D", nil},
		{"a REST GET", http.MethodGet, "/api/todos", nil},
		{"1,200 headers", http.MethodPost, post, many},
		{"a header of 20 KiB", http.MethodPost, post, with("X-Long", strings.Repeat("a", 20<<10))},
		{"a GET with 2,500 parameters", http.MethodGet, get + "%7B%7D" + strings.Repeat("&a=b", 2500), nil},
		{"a GET with a long message", http.MethodGet, get + strings.Repeat("a", long), nil},
		{"a GET with a long message in percents", http.MethodGet, get + strings.Repeat("%7B", long/3), nil},
		{"a GET with a long message in base64", http.MethodGet, get + strings.Repeat("a", long) + "&base64=1", nil},
		{"a POST with 2,500 parameters", http.MethodPost, post + "?" + strings.Repeat("&a=b", 2500), plain},
		{"a REST GET with 1,300 parameters", http.MethodGet, "/api/todos?pageSize=1" + strings.Repeat("&pageSize=1", 1300), nil},
		{"a REST GET with empty parameters", http.MethodGet, "/api/todos?" + strings.Repeat("&", long), nil},
		{"a REST GET with a long parameter", http.MethodGet, "/api/todos?pageToken=" + strings.Repeat("a", long), nil},
		{"a REST GET with a parameter in percents", http.MethodGet, "/api/todos?pageToken=" + strings.Repeat("%00", long/3), nil},
		{"a long content type", http.MethodPost, post, with("Content-Type", "application/json"+strings.Repeat(";a=b", long/4))},
		{"a content type of many parameters", http.MethodPost, post, with("Content-Type", "application/json"+parameters.String())},
		{"a REST content type of many parameters", http.MethodPost, "/api/todos", with("Content-Type", "application/json"+parameters.String())},
		{"a long list of encodings", http.MethodPost, post, with("Accept-Encoding", strings.Repeat("a,", long/2))},
		{"a long timeout", http.MethodPost, post, with("Connect-Timeout-Ms", strings.Repeat("1", long))},
		{"a long path", http.MethodGet, "/api/" + strings.Repeat("a/", long/2), nil},
		{"a long request id", http.MethodPost, post, with("X-Request-Id", strings.Repeat("a", long))},
		{"a long token", http.MethodPost, post, with("Authorization", "Bearer "+strings.Repeat("a.b.", long/4))},
		{"a long origin", http.MethodPost, post, with("Origin", "http://"+strings.Repeat("a", long))},
	}
}

// server returns a function that has the handler refuse the request.
func (odd refusal) server(tb testing.TB, handler http.Handler) func() {
	tb.Helper()
	r := httptest.NewRequest(odd.method, odd.target, http.NoBody)
	if odd.header != nil {
		r.Header = odd.header
	}
	w := &connection{header: make(http.Header)}
	return func() {
		clear(w.header)
		w.status, w.size = 0, 0
		handler.ServeHTTP(w, r)
		if w.status < 400 || w.status > 499 {
			tb.Fatalf("%s: status %d", odd.name, w.status)
		}
	}
}

// TestARefusalCostsNoMoreForWhatIsLongOrOdd counts the bytes that are allocated:
// whatever is parsed before it is known who calls shows in them.
func TestARefusalCostsNoMoreForWhatIsLongOrOdd(t *testing.T) { //nolint:paralleltest // All the process allocates is counted.
	const runs = 50
	handler, _ := newInstantHandler(t)
	var plain uint64
	for i, odd := range refusals() {
		serve := odd.server(t, handler)
		serve() // The first one fills pools.
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			serve()
		}
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) / runs
		if i == 0 {
			plain = allocated
		}
		if allocated > 2*plain {
			t.Errorf("%s: %d bytes are allocated, %d for a plain one", odd.name, allocated, plain)
		}
	}
}

// BenchmarkRefusal measures what callers without a token cost.
func BenchmarkRefusal(b *testing.B) {
	handler, _ := newInstantHandler(b)
	for _, odd := range refusals() {
		b.Run(odd.name, func(b *testing.B) {
			serve := odd.server(b, handler)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
