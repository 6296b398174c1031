package main

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The content that is written.
const (
	title       = "Water the plants on the balcony"
	description = "The tomatoes twice, the rosemary hardly at all"
)

// What stands in a request for an access token, a todo's id and a sync token. The last
// two are as long as what they stand for, since lengths are part of a request.
const (
	tokenPlaceholder = "{token}"
	idPlaceholder    = "{todo------------------------------}"
	syncPlaceholder  = "{sync-token--------------------------------------}"
)

// message returns the contract's request of an operation, and its procedure.
func message(op operation) (proto.Message, string) {
	switch op {
	case get:
		return &todov1.GetTodoRequest{Id: idPlaceholder}, todov1connect.TodoServiceGetTodoProcedure
	case list20:
		return &todov1.ListTodosRequest{PageSize: 20}, todov1connect.TodoServiceListTodosProcedure
	case list50:
		return &todov1.ListTodosRequest{PageSize: 50}, todov1connect.TodoServiceListTodosProcedure
	case list100:
		return &todov1.ListTodosRequest{PageSize: 100}, todov1connect.TodoServiceListTodosProcedure
	case byDue, byPriority, byPosition, byUpdate, search:
		return findRequest(op), todov1connect.TodoServiceListTodosProcedure
	case syncing:
		return &todov1.SyncTodosRequest{SyncToken: syncPlaceholder}, todov1connect.TodoServiceSyncTodosProcedure
	case create:
		return &todov1.CreateTodoRequest{Title: title, Description: proto.String(description)}, todov1connect.TodoServiceCreateTodoProcedure
	case update:
		return &todov1.UpdateTodoRequest{Id: idPlaceholder, IsCompleted: proto.Bool(true)}, todov1connect.TodoServiceUpdateTodoProcedure
	case remove:
		return &todov1.DeleteTodoRequest{Id: idPlaceholder}, todov1connect.TodoServiceDeleteTodoProcedure
	}
	panic(fmt.Sprintf("unknown operation %q", op))
}

// findRequest returns the request for a page in another order, or by a word.
func findRequest(op operation) *todov1.ListTodosRequest {
	req := &todov1.ListTodosRequest{PageSize: 50, IsCompleted: proto.Bool(false), TimeZone: "Europe/Berlin"}
	switch op {
	case byDue:
		req.OrderBy = "due"
	case byPriority:
		req.OrderBy = "priority"
	case byPosition:
		req.OrderBy = "position"
	case byUpdate:
		req.OrderBy = "updated"
	default:
		req.Search = "balcón"
	}
	return req
}

// http1Request returns a whole HTTP/1.1 request with placeholders.
func http1Request(p protocol, op operation, host string) string {
	msg, path := message(op)
	verb, body, contentType := "POST", "", "application/json"
	switch p {
	case connectBinary:
		body, contentType = mustProto(msg), "application/proto"
	case connectJSON:
		body = mustJSON(msg)
	case rest:
		verb, path, body = restRequest(op, msg)
	case grpc:
		panic("gRPC is not spoken over HTTP/1.1")
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: todo-bench\r\nAuthorization: Bearer %s\r\n", verb, path, host, tokenPlaceholder)
	if p != rest {
		head.WriteString("Connect-Protocol-Version: 1\r\n")
	}
	if body != "" {
		head.WriteString("Content-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	return head.String() + "\r\n" + body
}

// restRequest returns an operation's verb, path and body, "" for none.
func restRequest(op operation, msg proto.Message) (verb, path, body string) {
	const todos, todo = "/api/todos", "/api/todos/" + idPlaceholder
	switch op {
	case get:
		return "GET", todo, ""
	case list20:
		return "GET", todos + "?pageSize=20", ""
	case list50:
		return "GET", todos + "?pageSize=50", ""
	case list100:
		return "GET", todos + "?pageSize=100", ""
	case byDue, byPriority, byPosition, byUpdate, search:
		req := findRequest(op)
		query := url.Values{"pageSize": {"50"}, "isCompleted": {"false"}, "timeZone": {req.GetTimeZone()}, "orderBy": {req.GetOrderBy()}, "search": {req.GetSearch()}}
		return "GET", todos + "?" + query.Encode(), ""
	case syncing:
		return "GET", todos + ":sync?syncToken=" + syncPlaceholder, ""
	case create:
		return "POST", todos, mustJSON(msg)
	case update:
		return "PATCH", todo, `{"isCompleted":true}`
	case remove:
		return "DELETE", todo, ""
	}
	panic(fmt.Sprintf("unknown operation %q", op))
}

// grpcRequest is a message in gRPC's envelope, around what is another for each call, if
// there is such a thing.
type grpcRequest struct {
	procedure     string
	before, after string
	placeholder   string // What that is; "" for nothing.
}

func newGRPCRequest(op operation) grpcRequest {
	msg, procedure := message(op)
	encoded := mustProto(msg)
	envelope := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(encoded))) //nolint:gosec // G115: small.
	for _, placeholder := range []string{idPlaceholder, syncPlaceholder} {
		if before, after, found := strings.Cut(string(envelope)+encoded, placeholder); found {
			return grpcRequest{procedure, before, after, placeholder}
		}
	}
	return grpcRequest{procedure: procedure, before: string(envelope) + encoded}
}

// mustProto and mustJSON encode messages of valid text, which can't fail.
func mustProto(msg proto.Message) string {
	encoded, err := proto.Marshal(msg)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func mustJSON(msg proto.Message) string {
	encoded, err := protojson.Marshal(msg)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
