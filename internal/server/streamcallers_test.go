package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// TestACallerWhoLeavesAStreamIsLoggedAsSuch leaves streams while their handler
// waits for anything, and looks for the one line of each.
func TestACallerWhoLeavesAStreamIsLoggedAsSuch(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols() {
		for name, code := range map[string]connect.Code{
			"canceled":         connect.CodeCanceled,
			"its own deadline": connect.CodeDeadlineExceeded,
		} {
			t.Run(protocol.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: 1},
					func(ctx context.Context, _ *todov1.GetTodoRequest, stream *connect.ServerStream[todov1.Todo]) error {
						if err := stream.Send(&todov1.Todo{}); err != nil {
							return err
						}
						<-ctx.Done()
						return ctx.Err()
					}, nil)
				client, wire := protocol.client(t, s.url+serverStreamPath)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				req := connect.NewRequest(&todov1.GetTodoRequest{})
				if code == connect.CodeDeadlineExceeded { // Which the client itself does not keep.
					req.Header().Set("Connect-Timeout-Ms", "20")
					req.Header().Set("Grpc-Timeout", "20m")
				}
				stream, err := client.CallServerStream(ctx, req)
				if err != nil {
					t.Fatal(err)
				}
				defer stream.Close()
				for stream.Receive() {
					if code == connect.CodeCanceled {
						cancel()
					}
				}
				if got := connect.CodeOf(stream.Err()); got != code {
					t.Errorf("the caller is told %v: %s", stream.Err(), wire.heard())
				}
				if line := s.log.next(t); line.Code != code.String() || line.Ended != "caller" || line.Level != "INFO" {
					t.Errorf("logged as %+v", line)
				}
				s.log.checkEmpty(t)
			})
		}
	}
}

// TestAWaitForTheNextMessageEndsWithItsStream has handlers wait for a caller who
// sends nothing and leaves nothing.
func TestAWaitForTheNextMessageEndsWithItsStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout string // What the caller asks for.
		length  time.Duration
		drain   bool
		code    connect.Code
		ended   streamEnd
	}{
		"the caller's deadline": {"50m", time.Minute, false, connect.CodeDeadlineExceeded, endCaller},
		"its length":            {"", 50 * time.Millisecond, false, connect.CodeDeadlineExceeded, endLength},
		"the drain":             {"", time.Minute, true, connect.CodeUnavailable, endDrain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t)
			s.start(t, &streamConfig{maxDuration: test.length, maxMessages: 10}, nil,
				func(_ context.Context, stream *connect.BidiStream[todov1.GetTodoRequest, todov1.Todo]) error {
					if _, err := stream.Receive(); err != nil {
						return err
					}
					if test.drain {
						s.health.end()
					}
					_, err := stream.Receive()
					return fmt.Errorf("%w: %w", errCanary, err)
				})
			body, hold := io.Pipe()
			defer hold.Close()
			go func() { _, _ = io.WriteString(hold, envelope(0, 0, "")) }() // The first message, which has to come.
			req := httptest.NewRequest(http.MethodPost, s.url+bidiStreamPath, body).WithContext(t.Context())
			req.RequestURI = ""
			req.Header.Set("Content-Type", "application/grpc")
			if test.timeout != "" {
				req.Header.Set("Grpc-Timeout", test.timeout)
			}
			_, wire := protocol{http2: true}.client(t, s.url)
			res, err := wire.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAll(res.Body); err != nil {
				t.Fatal(err)
			}
			if got := res.Trailer.Get("Grpc-Status"); got != fmt.Sprint(int(test.code)) {
				t.Errorf("it ended with %s: %s", got, wire.heard())
			}
			if line := s.log.next(t); line.Code != test.code.String() || line.Ended != string(test.ended) || line.Level != "INFO" {
				t.Errorf("logged as %+v", line)
			}
			if found := tellTale.FindString(wire.heard()); found != "" {
				t.Errorf("the answer tells %q: %s", found, wire.heard())
			}
		})
	}
}

// TestTheMessagesOfAStreamAreBoundedOneByOne sends more on one stream than a
// single message may have, and then a message too large, and one too many.
func TestTheMessagesOfAStreamAreBoundedOneByOne(t *testing.T) {
	t.Parallel()
	const most = 5
	for _, protocol := range protocols() {
		if !protocol.http2 {
			continue // It can't stream both ways.
		}
		for name, test := range map[string]struct {
			sizes []int
			want  string // Of the end; "" for none.
		}{
			"as many as there may be, of more than one's size together": {[]int{40_000, 40_000, 40_000, 40_000, 40_000}, ""},
			"one too large": {[]int{40_000, 70_000}, "the request is larger than 65536 bytes"},
			"one too many":  {[]int{1, 1, 1, 1, 1, 1}, "one stream takes at most 5 messages; open another one"},
		} {
			t.Run(protocol.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: most}, nil,
					func(_ context.Context, stream *connect.BidiStream[todov1.GetTodoRequest, todov1.Todo]) error {
						for {
							req, err := stream.Receive()
							if errors.Is(err, io.EOF) {
								return nil
							}
							if err != nil {
								return err
							}
							if err := stream.Send(&todov1.Todo{Id: req.GetId()}); err != nil {
								return err
							}
						}
					})
				client, _ := protocol.client(t, s.url+bidiStreamPath)
				stream := client.CallBidiStream(t.Context())
				var err error
				answered := 0
				for _, size := range test.sizes {
					if err = stream.Send(&todov1.GetTodoRequest{Id: strings.Repeat("a", size)}); err != nil {
						break
					}
					var answer *todov1.Todo
					if answer, err = stream.Receive(); err != nil {
						break
					}
					if len(answer.GetId()) == size {
						answered++
					}
				}
				_ = stream.CloseRequest()
				if err == nil || errors.Is(err, io.EOF) { // Of a Send, whose reason Receive has.
					_, err = stream.Receive()
				}
				_ = stream.CloseResponse()
				if test.want == "" {
					if !errors.Is(err, io.EOF) || answered != len(test.sizes) {
						t.Errorf("%d answers, then %v", answered, err)
					}
				} else if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.HasSuffix(err.Error(), test.want) || answered != len(test.sizes)-1 {
					t.Errorf("%d answers, then %v, want %q", answered, err, test.want)
				}
				s.log.next(t)
			})
		}
	}
}

// TestABrokenMessageOfAStreamIsTheCallersFault sends what Connect itself refuses
// in reading a stream.
func TestABrokenMessageOfAStreamIsTheCallersFault(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	compressor := gzip.NewWriter(&bomb)
	_, _ = compressor.Write(make([]byte, 2*(maxMessageBytes+pathBytes)))
	_ = compressor.Close()
	for name, test := range map[string]struct {
		flags byte
		body  string
		code  connect.Code
		want  string
	}{
		"no protobuf":           {0, "\xff", connect.CodeInvalidArgument, "unmarshal message: it is no proto"},
		"no gzip":               {1, "no gzip, and long enough for one", connect.CodeInvalidArgument, "get decompressor: gzip: invalid header"},
		"too much, compressed":  {1, bomb.String(), connect.CodeResourceExhausted, "the request is larger than 65536 bytes"},
		"gzip that ends early":  {1, bomb.String()[:bomb.Len()-1], connect.CodeInvalidArgument, ""},
		"nothing but the flags": {0x40, "", connect.CodeInvalidArgument, "the envelope of message 1 has flags that no request has: 0x40"},
	} {
		for _, contentType := range []string{"application/connect+proto", "application/grpc", "application/grpc-web+proto"} {
			s := startStreams(t, &streamConfig{maxDuration: time.Minute, maxMessages: 10}, nil,
				func(_ context.Context, stream *connect.BidiStream[todov1.GetTodoRequest, todov1.Todo]) error {
					_, err := stream.Receive()
					return fmt.Errorf("%w: %w", errCanary, err)
				})
			req := httptest.NewRequest(http.MethodPost, s.url+bidiStreamPath, strings.NewReader(envelope(test.flags, len(test.body), test.body))).WithContext(t.Context())
			req.RequestURI = ""
			req.Header.Set("Content-Type", contentType)
			req.Header.Set("Grpc-Encoding", "gzip")
			req.Header.Set("Connect-Content-Encoding", "gzip")
			_, wire := protocol{http2: true}.client(t, s.url)
			res, err := wire.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			what := name + " over " + contentType
			// Connect's own protocol compresses its errors, as it was sent.
			if test.want != "" && contentType != "application/connect+proto" {
				checkAnswer(t, what, wire.heard(), test.code.String(), test.want)
			}
			if line := s.log.next(t); line.Code != test.code.String() && test.want != "" || line.Ended != "caller" || line.Level != "INFO" {
				t.Errorf("%s: logged as %+v", what, line)
			}
			if heard := wire.heard(); strings.Contains(heard, "pgconn") || strings.Contains(heard, "todov1") {
				t.Errorf("%s: the answer tells %q", what, heard)
			}
		}
	}
}
