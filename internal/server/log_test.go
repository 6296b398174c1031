package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// BenchmarkLogLine measures the log's middleware around a handler that does
// nothing: the exchange, and the line written to nowhere.
func BenchmarkLogLine(b *testing.B) {
	const user = userName("cWZ1bm9mYWxsdGhpbmdzYXJldG9kb3M")
	handler := withState(withLog(testConfig().Logger, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		state := stateOf(r.Context())
		state.procedure, state.protocol, state.user = todov1connect.TodoServiceGetTodoProcedure, connect.ProtocolConnect, user
		state.id = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
	})))
	r := httptest.NewRequest(http.MethodPost, todov1connect.TodoServiceGetTodoProcedure, http.NoBody)
	r.Header.Set("Content-Type", "application/proto")
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(w, r)
	}
}
