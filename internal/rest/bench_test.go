package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/todo-backend/internal/rest"
)

func BenchmarkTranscode(b *testing.B) {
	const body = `{"title":"water the plants","isCompleted":true}`
	for name, bench := range map[string]struct{ verb, target, body string }{
		"GET with a path variable":     {verb: http.MethodGet, target: "/v1/items/0b6b5a1e-3f0c-4a57-9f0e-6d1f3b2a9c11"},
		"GET with a query":             {verb: http.MethodGet, target: "/v1/items?int32Field=50&stringField=next&boolField=true"},
		"POST with a body":             {verb: http.MethodPost, target: "/v1/items", body: body},
		"PATCH with a path and a body": {verb: http.MethodPatch, target: "/v1/items/0b6b5a1e-3f0c-4a57-9f0e-6d1f3b2a9c11", body: body},
	} {
		b.Run(name, func(b *testing.B) {
			buffer := make([]byte, 4<<10)
			transcoder, err := rest.NewTranscoder(rest.Config{
				Service: items(b),
				RPC: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					for {
						_, err := r.Body.Read(buffer)
						if err == io.EOF {
							return
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				}),
				Refuse: func(_ http.ResponseWriter, _ *http.Request, refusal rest.Refusal) { b.Fatal(refusal.Message) },
			})
			if err != nil {
				b.Fatal(err)
			}
			r := newRequest(b, bench.verb, bench.target, bench.body)
			w := httptest.NewRecorder()
			body := strings.NewReader(bench.body)
			if bench.body != "" {
				r.Body = io.NopCloser(body)
			}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(bench.body)
				transcoder.ServeHTTP(w, r)
			}
		})
	}
}
