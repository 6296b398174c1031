package rpc

import (
	"net/http"

	"connectrpc.com/connect"

	"example.com/todo-backend/internal/rest"
	"example.com/todo-backend/internal/server"
)

// refuseREST returns a function that writes the errors of the transcoder.
func refuseREST(s *server.Server) func(http.ResponseWriter, *http.Request, rest.Refusal) {
	return func(w http.ResponseWriter, r *http.Request, refusal rest.Refusal) {
		code := connect.CodeInvalidArgument
		switch refusal.Status {
		case http.StatusNotFound:
			code = connect.CodeNotFound
		case http.StatusMethodNotAllowed:
			code = connect.CodeUnimplemented
		}
		s.Refuse(w, r, refusal.Status, code, refusal.Message)
	}
}
