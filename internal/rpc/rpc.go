// Package rpc is the API of the todos: the RPCs, the conversion between messages
// and the domain, JSON, page tokens, and the table of errors. internal/server
// serves it. Start reading at New.
package rpc

import (
	"fmt"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/validate"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/rest"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// watchDuration is about how long a watch lasts. It bounds how long a client goes on with a
// process that has become busier than others, or with a key that the issuer has withdrawn.
const watchDuration = 15 * time.Minute

// Config is what the API needs. All of it is required.
type Config struct {
	Todos *todo.Service
	// Watches is told of the changes that Todos makes.
	Watches       *watch.Hub
	Authenticator Authenticator
	Server        server.Config
	// OpenAPI is the document served at /openapi.yaml.
	OpenAPI []byte
}

// New returns a server of the API, which has to be closed. It fails when the
// contract has a REST option that internal/rest does not support.
func New(cfg Config) (*server.Server, error) {
	s := server.New(cfg.Server, server.API{
		Authenticator: bearerAuthenticator{cfg.Authenticator},
		Errors:        errorTable().Lookup,
		Codecs:        codecs(),
		WireBytes:     wireBytes,
		MessageBytes:  map[string]int64{todov1connect.TodoServiceApplyTodosProcedure: applyBytes},
	})
	_, todos := todov1connect.NewTodoServiceHandler(&todoServer{todos: cfg.Todos, watches: cfg.Watches},
		s.Options(), connect.WithInterceptors(rest.Interceptor(), validate.NewInterceptor()))
	service := todov1.File_todo_v1_todo_proto.Services().ByName("TodoService")
	transcoder, err := rest.NewTranscoder(rest.Config{Service: service, RPC: todos, Refuse: refuseREST(s)})
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("rpc: %w", err)
	}
	s.AddService(service, todos)
	s.BoundStreams(todov1connect.TodoServiceWatchTodosProcedure, server.StreamBounds{Duration: watchDuration, IsRenewed: true})
	s.AddREST("/api/", transcoder)
	s.AddDocument("/openapi.yaml", "application/yaml", cfg.OpenAPI)
	return s, nil
}
