//go:build linux

package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

func TestLyingBodies(t *testing.T) {
	const atOnce = 20
	r := newRow(t, "gzip bombs and lying lengths")
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), noHeapFloor())
	l := load.StartReads(t, s.URL, s.Issuer, 50)
	l.During(2 * time.Second)
	bearer := s.Issuer.Bearer("u")
	bomb := gzipped(t, 64<<20)
	client, client2 := stack.NewClient(t, false), stack.NewClient(t, true)

	mark := s.Mark()
	from := time.Now()
	before := s.ResetPeak(t)
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		wrong []string
		sent  int
	)
	attack := func(name string, refused func() (bool, string)) {
		for range atOnce {
			sent++
			all.Go(func() {
				if ok, got := refused(); !ok {
					mu.Lock()
					defer mu.Unlock()
					wrong = append(wrong, name+": "+got)
				}
			})
		}
	}
	for name, path := range map[string]string{"REST": "/api/todos", "Connect": "/todo.v1.TodoService/CreateTodo"} {
		attack("gzip bomb, "+name, func() (bool, string) {
			a := stack.Call(t, client, http.MethodPost, s.URL+path, string(bomb),
				"Authorization", bearer, "Content-Type", stack.ContentTypeJSON, "Content-Encoding", "gzip")
			return a.Status >= 400 && a.Status < 500, fmt.Sprint(a.Status, a.Body, a.Err)
		})
	}
	frame := string([]byte{1, 0, byte(len(bomb) >> 16), byte(len(bomb) >> 8), byte(len(bomb))}) + string(bomb)
	grpc := func(body, encoding string) func() (bool, string) {
		return func() (bool, string) {
			a := stack.Call(t, client2, http.MethodPost, s.URL+"/todo.v1.TodoService/CreateTodo", body,
				"Authorization", bearer, "Content-Type", "application/grpc", "Te", "trailers", "Grpc-Encoding", encoding)
			// invalid_argument or resource_exhausted: what is 4xx elsewhere.
			code := a.Header.Get("Grpc-Status") + a.Trailer.Get("Grpc-Status")
			return code == "3" || code == "8", fmt.Sprint("grpc-status ", code, " ", a.Status, a.Err)
		}
	}
	attack("gzip bomb, gRPC", grpc(frame, "gzip"))
	attack("a gRPC frame that claims 4 GiB", grpc("\x00\xff\xff\xff\xff"+strings.Repeat("x", 70<<10), "identity"))
	attack("Content-Length 4294967295", func() (bool, string) {
		status := rawPost(s.Address, bearer, 4294967295, 100<<10)
		return strings.HasPrefix(status, "HTTP/1.1 4"), status
	})
	all.Wait()
	during := l.Since(from)

	r.Did("64 MiB of zeros in %d KiB of gzip by REST, Connect and gRPC, a gRPC frame of 4 GiB, Content-Length 4294967295: %d each, all at once", len(bomb)>>10, atOnce)
	r.None("not refused as 4xx", len(wrong))
	for _, w := range wrong[:min(5, len(wrong))] {
		t.Error(w)
	}
	// A machine that is busy inflating may refuse others for lack of time.
	wronged := during.Without(http.StatusOK, http.StatusServiceUnavailable)
	r.None("others neither served nor refused", len(wronged))
	for _, a := range wronged {
		t.Errorf("another's call: %d %s %v", a.Status, a.Body, a.Err)
	}
	if t.Failed() {
		for _, line := range s.Since(t, mark) {
			if line.Message != "request" || line.Level == "ERROR" {
				t.Log(line.Text)
			}
		}
	}
	report.AtMost(r, "memory added", s.Peak(t)-before, memoryBound)
}

// gzipped returns so many zeros, compressed.
func gzipped(t *testing.T, size int64) []byte {
	t.Helper()
	var body bytes.Buffer
	w, err := gzip.NewWriterLevel(&body, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// rawPost claims a length, sends less, and returns the answer's status line,
// or what failed.
func rawPost(address, bearer string, claimed, sent int) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(stack.Patience)) // It works on any connection.
	go func() {
		// It fails when the answer came first.
		_, _ = fmt.Fprintf(conn, "POST /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			bearer, claimed, strings.Repeat(" ", sent))
	}()
	line := make([]byte, 64)
	n, err := io.ReadAtLeast(conn, line, 12)
	if err != nil {
		return err.Error()
	}
	status, _, _ := strings.Cut(string(line[:n]), "\r\n")
	return status
}
