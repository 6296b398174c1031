//go:build linux

package syncload

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// maxEvent is more than any event has: a page's texts have 256 KiB at most.
const maxEvent = 4 << 20

// eventStream reads changes as server-sent events.
type eventStream struct {
	body io.ReadCloser
	scan *bufio.Scanner
	page *todov1.WatchTodosResponse
	err  error
}

var _ stream = (*eventStream)(nil)

// events opens a stream of events after a token.
func (c *Client) events(ctx context.Context, bearer, token string) (*eventStream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/api/todos:watch", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", bearer)
	req.Header.Set("Accept", "text/event-stream")
	if token != "" {
		req.Header.Set("Last-Event-ID", token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, refusalOf(res)
	}
	scan := bufio.NewScanner(res.Body)
	scan.Buffer(nil, maxEvent)
	return &eventStream{body: res.Body, scan: scan}, nil
}

// Receive reads the next page. It returns false at the end of the stream.
func (s *eventStream) Receive() bool {
	event, id, data := "message", "", ""
	for s.scan.Scan() {
		field, value, _ := strings.Cut(s.scan.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			event = value
		case field == "id":
			id = value
		case field == "data":
			data += value
		case s.scan.Text() == "" && data != "":
			return s.take(event, id, data)
		}
	}
	if s.err = s.scan.Err(); s.err == nil {
		s.err = io.ErrUnexpectedEOF // An end has an event of its own.
	}
	return false
}

// take takes an event. It returns false for the one that ends the stream.
func (s *eventStream) take(event, id, data string) bool {
	if event == "error" {
		s.err = wireError([]byte(data), 0)
		return false
	}
	s.page = new(todov1.WatchTodosResponse)
	if err := protojson.Unmarshal([]byte(data), s.page); err != nil {
		s.err = connect.NewWireError(connect.CodeInternal, fmt.Errorf("the event %q: %w", data, err))
		return false
	}
	if id != s.page.GetNextSyncToken() {
		s.err = connect.NewWireError(connect.CodeInternal, fmt.Errorf("the event %q has the id %q", data, id))
		return false
	}
	return true
}

// Msg returns the page that Receive has read.
func (s *eventStream) Msg() *todov1.WatchTodosResponse { return s.page }

// Err returns why the stream has ended.
func (s *eventStream) Err() error { return s.err }

// Close ends the stream.
func (s *eventStream) Close() error { return s.body.Close() }

// refusalOf returns the error of a response that is none of a stream.
func refusalOf(res *http.Response) error {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	after, _ := strconv.Atoi(res.Header.Get("Retry-After")) // 0 for none.
	return wireError(body, time.Duration(after)*time.Second)
}

// wireError returns the error that the service's JSON tells of, as a client of Connect
// would.
func wireError(text []byte, after time.Duration) error {
	var refused struct {
		Code    connect.Code
		Message string
		Details []struct{ Type, Value string }
	}
	if err := json.Unmarshal(text, &refused); err != nil {
		return connect.NewWireError(connect.CodeInternal, fmt.Errorf("%q is no error of the service: %w", text, err))
	}
	failed := connect.NewWireError(refused.Code, errors.New(refused.Message))
	for _, detail := range refused.Details {
		var info errdetails.RetryInfo
		raw, err := base64.RawStdEncoding.DecodeString(detail.Value)
		if err == nil && detail.Type == "google.rpc.RetryInfo" && proto.Unmarshal(raw, &info) == nil {
			after = info.GetRetryDelay().AsDuration()
		}
	}
	if after > 0 {
		if detail, err := connect.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
			failed.AddDetail(detail)
		}
	}
	return failed
}
