package server

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// largeCall is a way to call ApplyTodos.
type largeCall struct {
	path, contentType string
	enveloped         bool
	encoding          string // The header that says so, where messages may be compressed.
}

func largeCalls() map[string]largeCall {
	const apply = todov1connect.TodoServiceApplyTodosProcedure
	return map[string]largeCall{
		"Connect":  {apply, "application/json", false, "Content-Encoding"},
		"REST":     {"/api/todos:apply", "application/json", false, ""},
		"gRPC-Web": {apply, "application/grpc-web+json", true, "Grpc-Encoding"},
	}
}

// answer returns what a handler answers to a body: the message of an error, or "ok".
func (c largeCall) answer(handler http.Handler, body []byte, isCompressed bool) (text string, header http.Header) {
	if c.enveloped {
		prefix := []byte{0}
		if isCompressed {
			prefix[0] = 1
		}
		body = append(binary.BigEndian.AppendUint32(prefix, uint32(len(body))), body...)
	}
	r := httptest.NewRequest(http.MethodPost, c.path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer alice")
	r.Header.Set("Content-Type", c.contentType)
	if isCompressed {
		r.Header.Set(c.encoding, "gzip")
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	switch message := w.Header().Get("Grpc-Message"); {
	case message != "":
		return message, w.Header()
	case w.Code != http.StatusOK:
		return w.Body.String(), w.Header()
	}
	return "ok", w.Header()
}

// wide returns a request of a size, most of it white space.
func wide(size int) []byte {
	const short = `{"atomic":true}`
	return append([]byte(short), bytes.Repeat([]byte(" "), size-len(short))...)
}

func TestAProcedureMayHaveLargerRequests(t *testing.T) {
	t.Parallel()
	handler := newTodoServer(t, testConfig())
	for name, call := range largeCalls() {
		for _, test := range []struct {
			name         string
			body         []byte
			isCompressed bool
			want         string
		}{
			{"up to the bound", wide(largeBytes), false, "ok"},
			{"a byte more", wide(largeBytes + 1), false, "the request is larger than 1048576 bytes"},
			{"compressed, up to the bound", gzipped(t, wide(largeBytes)), true, "ok"},
			{"compressed, a byte more", gzipped(t, wide(largeBytes+1)), true, "the request is larger than 1048576 bytes"},
			{"compressed, members without end", append(gzipped(t, wide(100)), bytes.Repeat(gzipped(t, nil), 15_000)...), true, "the compressed request is larger than 262144 bytes"},
		} {
			if test.isCompressed && call.encoding == "" {
				continue
			}
			if got, _ := call.answer(handler, test.body, test.isCompressed); !strings.Contains(got, test.want) {
				t.Errorf("%s, %s: %.200q, want %q", name, test.name, got, test.want)
			}
		}
	}
	other := largeCall{path: todov1connect.TodoServiceListTodosProcedure, contentType: "application/json"}
	if got, _ := other.answer(handler, padded(maxMessageBytes+1), false); !strings.Contains(got, "larger than 65536 bytes") {
		t.Errorf("another procedure: %q", got)
	}
}

// operations returns a request with so many operations.
func operations(n int) []byte {
	return fmt.Appendf(nil, `{"operations":[%s]}`, strings.TrimSuffix(strings.Repeat("{},", n), ","))
}

func TestACallMayCountAsSeveral(t *testing.T) {
	t.Parallel()
	for name, call := range largeCalls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig()
				cfg.RateLimit = 10
				handler := newTodoServer(t, cfg)
				defer handler.Close()
				apply := func(when string, body []byte, retryAfter string) {
					t.Helper()
					got, header := call.answer(handler, body, false)
					if isRefused := strings.Contains(got, "too many requests"); isRefused != (retryAfter != "") || !isRefused && got != "ok" {
						t.Errorf("%s: %q, want a refusal: %v", when, got, retryAfter != "")
					}
					if got := header.Get("Retry-After"); got != retryAfter {
						t.Errorf("%s: Retry-After %q, want %q", when, got, retryAfter)
					}
				}
				apply("a full burst", operations(100), "")
				time.Sleep(2 * time.Second)                      // For 20 more.
				apply("more than there is", operations(30), "2") // It has cost one, and 11 are lacking.
				apply("as much as there is", operations(19), "") //
				apply("one more", operations(1), "1")            //
				time.Sleep(10 * time.Second)                     // For all.
				apply("by its size", wide(largeBytes-1<<10), "") // As 16.
				apply("by both", operations(84), "")             //
				apply("no more", operations(1), "1")             //
				time.Sleep(500 * time.Millisecond)               // For 5.
				apply("too large for it", wide(largeBytes), "2") // 4 are used by its beginning.
			})
		})
	}
}
