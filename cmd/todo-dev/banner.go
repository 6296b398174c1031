package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// banner is what is printed when everything runs: commands to paste, then
// where everything is. Each command works by itself in a new shell, once, and
// in any order.
type banner struct {
	places
	style

	token   string
	samples samples
	grpcurl string // How to run grpcurl.
}

// String returns the banner's text.
func (b *banner) String() string {
	text := b.section("REST", "", b.rest()...) +
		b.section("Connect", "", b.connect()...) +
		b.section("gRPC", b.grpcNote(), b.grpc()...) +
		b.section("The token of these commands", ", which is "+ownUser+"'s, good for 12 hours",
			"export TOKEN="+b.token) +
		b.section("A token of somebody else", ", for any name, and what they see",
			b.tokenOfOther(),
			b.listOfOther()) +
		b.section("Everything is up.", "") +
		b.lines() +
		"\n" + bannerEnd + "\n\n"
	if !b.colored {
		return text
	}
	// Tokens take up most of the screen and need no reading.
	return strings.ReplaceAll(text, b.token, "\x1b[2m"+b.token+"\x1b[0m")
}

// rest returns the commands for REST.
func (b *banner) rest() []string {
	todos, ids := b.service+"/api/todos", b.samples[wayREST]
	return []string{
		b.curl("", todos, `{"title": "Buy milk", "description": "2 litres"}`),
		b.curl("", todos+"/"+ids.kept, ""),
		b.curl("", todos+"?pageSize=10", ""),
		b.curl("PATCH", todos+"/"+ids.kept, `{"isCompleted": true}`),
		b.curl("DELETE", todos+"/"+ids.deleted, ""),
	}
}

// connect returns the commands for Connect.
func (b *banner) connect() []string {
	method, ids := b.service+"/todo.v1.TodoService/", b.samples[wayConnect]
	return []string{
		b.curl("", method+"CreateTodo", `{"title": "Buy bread"}`),
		b.curl("", method+"GetTodo", `{"id": "`+ids.kept+`"}`),
		b.curl("", method+"ListTodos", `{"pageSize": 10}`),
		b.curl("", method+"UpdateTodo", `{"id": "`+ids.kept+`", "isCompleted": true}`),
		b.curl("", method+"DeleteTodo", `{"id": "`+ids.deleted+`"}`),
	}
}

// grpc returns the commands for gRPC.
func (b *banner) grpc() []string {
	ids := b.samples[wayGRPC]
	return []string{
		b.grpcurl + " -plaintext " + b.address() + " list",
		b.call("CreateTodo", `{"title": "Buy tea"}`),
		b.call("GetTodo", `{"id": "`+ids.kept+`"}`),
		b.call("ListTodos", `{"pageSize": 10}`),
		b.call("UpdateTodo", `{"id": "`+ids.kept+`", "isCompleted": true}`),
		b.call("DeleteTodo", `{"id": "`+ids.deleted+`"}`),
	}
}

// tokenOfOther returns a command that prints another user's token.
func (b *banner) tokenOfOther() string {
	return "curl -sS " + quote(b.issuer+"/api/auth/token?user="+otherUser)
}

// listOfOther returns a command that lists another user's todos.
func (b *banner) listOfOther() string {
	return fmt.Sprintf(`curl -sS -w '\n' %s/api/todos -H "Authorization: Bearer $(%s | cut -d'"' -f4)"`, b.service, b.tokenOfOther())
}

// curl returns a request of curl's: with a body POST, without one GET, unless
// a verb is given. The token comes last, since it is long.
func (b *banner) curl(verb, url, body string) string {
	command := `curl -sS -w '\n' `
	if verb != "" {
		command += "-X " + verb + " "
	}
	command += quote(url)
	if body != "" {
		command += " -H 'Content-Type: application/json' -d " + quote(body)
	}
	return command + " -H 'Authorization: Bearer " + b.token + "'"
}

// call returns a request of grpcurl's, which wants its flags first.
func (b *banner) call(method, body string) string {
	return b.grpcurl + " -plaintext -d " + quote(body) + " -H 'Authorization: Bearer " + b.token + "' " +
		b.address() + " todo.v1.TodoService/" + method
}

// address returns host and port of the service.
func (b *banner) address() string { return strings.TrimPrefix(b.service, "http://") }

// grpcNote says where the commands for gRPC work.
func (b *banner) grpcNote() string {
	if b.grpcurl == toolGRPCurl {
		return ", from the repository's folder; the first one builds grpcurl, since it is not installed"
	}
	return ""
}

// toolGRPCurl runs the grpcurl that the repository pins.
const toolGRPCurl = "go tool -modfile=tools/go.mod grpcurl"

// findGRPCurl returns how to run grpcurl on this machine.
func findGRPCurl() string {
	if _, err := exec.LookPath("grpcurl"); err == nil {
		return "grpcurl"
	}
	return toolGRPCurl
}
