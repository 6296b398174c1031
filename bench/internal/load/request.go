package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Operation is what a call does.
type Operation string

// The operations that are measured.
const (
	Get     Operation = "get"
	List20  Operation = "list 20"
	List100 Operation = "list 100"
	Create  Operation = "create"
	Update  Operation = "update"
	Delete  Operation = "delete"
)

// Operations returns all operations.
func Operations() []Operation { return []Operation{Get, List20, List100, Create, Update, Delete} }

// The content that is written.
const (
	Title       = "Water the plants on the balcony"
	Description = "The tomatoes twice, the rosemary hardly at all"
)

// Protocol is how a call is made.
type Protocol string

// The protocols that are measured. GRPC is spoken over cleartext HTTP/2, the
// others over HTTP/1.1.
const (
	REST          Protocol = "REST"
	ConnectJSON   Protocol = "Connect JSON"
	ConnectBinary Protocol = "Connect binary"
	GRPC          Protocol = "gRPC"
)

// Protocols returns all protocols.
func Protocols() []Protocol { return []Protocol{REST, ConnectJSON, ConnectBinary, GRPC} }

// Call is one request: what to do, for which user, with which todo. The todo
// matters to operations that name one.
type Call struct {
	Operation Operation
	User      int
	Todo      string // Of 36 characters.
}

// The placeholders of a template, as long as what replaces them where the
// length matters.
const (
	todoPlaceholder  = "eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee"
	tokenPlaceholder = "{token}"
)

// template is a request, cut where a token or a todo's id goes.
type template []piece

type piece struct {
	text        []byte
	token, todo bool // What goes here instead of the text.
}

// cut makes a template of a request with placeholders.
func cut(request []byte) template {
	var t template
	for len(request) > 0 {
		todo, token := bytes.Index(request, []byte(todoPlaceholder)), bytes.Index(request, []byte(tokenPlaceholder))
		switch {
		case todo == 0:
			t = append(t, piece{todo: true})
			request = request[len(todoPlaceholder):]
		case token == 0:
			t = append(t, piece{token: true})
			request = request[len(tokenPlaceholder):]
		default:
			end := len(request)
			for _, at := range []int{todo, token} {
				if at > 0 {
					end = min(end, at)
				}
			}
			t = append(t, piece{text: request[:end]})
			request = request[end:]
		}
	}
	return t
}

// append writes the request for a token and a todo.
func (t template) append(dst []byte, token, todo string) []byte {
	for _, p := range t {
		switch {
		case p.token:
			dst = append(dst, token...)
		case p.todo:
			dst = append(dst, todo...)
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// message returns the contract's request of an operation and its method's
// path.
func message(op Operation) (proto.Message, string) {
	switch op {
	case Get:
		return &todov1.GetTodoRequest{Id: todoPlaceholder}, todov1connect.TodoServiceGetTodoProcedure
	case List20:
		return &todov1.ListTodosRequest{PageSize: 20}, todov1connect.TodoServiceListTodosProcedure
	case List100:
		return &todov1.ListTodosRequest{PageSize: 100}, todov1connect.TodoServiceListTodosProcedure
	case Create:
		return &todov1.CreateTodoRequest{Title: Title, Description: proto.String(Description)}, todov1connect.TodoServiceCreateTodoProcedure
	case Update:
		return &todov1.UpdateTodoRequest{Id: todoPlaceholder, IsCompleted: proto.Bool(true)}, todov1connect.TodoServiceUpdateTodoProcedure
	case Delete:
		return &todov1.DeleteTodoRequest{Id: todoPlaceholder}, todov1connect.TodoServiceDeleteTodoProcedure
	}
	panic(fmt.Sprintf("load: unknown operation %q", op))
}

// http1Template returns a whole HTTP/1.1 request.
func http1Template(p Protocol, op Operation, host string) template {
	msg, path := message(op)
	body, contentType := []byte(nil), "application/json"
	verb := "POST"
	switch p {
	case ConnectBinary:
		body, contentType = mustProto(msg), "application/proto"
	case ConnectJSON:
		body = mustJSON(msg)
	case REST:
		verb, path, body = restRequest(op, msg)
	case GRPC:
		panic("load: gRPC is not spoken over HTTP/1.1")
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: todo-bench\r\nAuthorization: Bearer %s\r\n", verb, path, host, tokenPlaceholder)
	if p != REST {
		head.WriteString("Connect-Protocol-Version: 1\r\n")
	}
	if body != nil {
		head.WriteString("Content-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	head.WriteString("\r\n")
	return cut(append([]byte(head.String()), body...))
}

// restRequest returns an operation's verb, path and body, nil for none.
func restRequest(op Operation, msg proto.Message) (verb, path string, body []byte) {
	const todos = "/api/todos"
	switch op {
	case List20:
		return "GET", todos + "?pageSize=20", nil
	case List100:
		return "GET", todos + "?pageSize=100", nil
	case Create:
		return "POST", todos, mustJSON(msg)
	case Update:
		return "PATCH", todos + "/" + todoPlaceholder, []byte(`{"isCompleted":true}`)
	case Delete:
		return "DELETE", todos + "/" + todoPlaceholder, nil
	case Get:
	}
	return "GET", todos + "/" + todoPlaceholder, nil
}

// grpcTemplate returns an operation's message in gRPC's envelope, and its path.
func grpcTemplate(op Operation) (template, string) {
	msg, path := message(op)
	encoded := mustProto(msg)
	envelope := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(encoded))) //nolint:gosec // G115: small.
	return cut(append(envelope, encoded...)), path
}

// mustProto and mustJSON encode messages of valid text, which can't fail.
func mustProto(msg proto.Message) []byte {
	encoded, err := proto.Marshal(msg)
	if err != nil {
		panic(err)
	}
	return encoded
}

func mustJSON(msg proto.Message) []byte {
	encoded, err := protojson.Marshal(msg)
	if err != nil {
		panic(err)
	}
	return encoded
}
