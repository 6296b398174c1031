package server

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"connectrpc.com/connect"
)

// refuser answers what doesn't reach an RPC: an unknown path, a verb or a
// content type that isn't served, a panic. Its answers look like those of the
// RPCs: gRPC callers get a gRPC status, all others the one JSON shape.
type refuser struct {
	errors *errorRenderer
	rpc    *connect.ErrorWriter
}

func newRefuser(errs *errorRenderer) refuser {
	return refuser{errors: errs, rpc: connect.NewErrorWriter()}
}

// refuse answers with an HTTP status, a code and a message for the caller.
func (f refuser) refuse(w http.ResponseWriter, r *http.Request, status int, code connect.Code, message string) {
	err := connect.NewError(code, errors.New(message))
	stateOf(r.Context()).fail(code, err)
	f.write(w, r, status, err)
}

// error answers an error that no RPC does, by the error table.
func (f refuser) error(w http.ResponseWriter, r *http.Request, err error) {
	state := stateOf(r.Context())
	rendered := f.errors.render(r.Context(), state.protocol, err)
	if state.stream != nil {
		// It fails when the connection does; nobody is left to tell.
		_ = f.rpc.Write(w, r, rendered)
		return
	}
	f.write(w, r, http.StatusInternalServerError, rendered)
}

// notFound answers for a path that isn't served.
func (f refuser) notFound(w http.ResponseWriter, r *http.Request) {
	code := connect.CodeNotFound
	if isGRPC(r) {
		code = connect.CodeUnimplemented // What gRPC calls an unknown method.
	}
	f.refuse(w, r, http.StatusNotFound, code, "there is nothing at this path")
}

// methodNotAllowed answers for a verb that a path doesn't serve.
func (f refuser) methodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	f.refuse(w, r, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "this path answers to "+allow)
}

func (f refuser) write(w http.ResponseWriter, r *http.Request, status int, err *connect.Error) {
	if isGRPC(r) {
		// It fails when the connection does; nobody is left to tell.
		_ = f.rpc.Write(w, r, err)
		return
	}
	maps.Copy(w.Header(), err.Meta())
	writeJSON(w, status, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{err.Code().String(), err.Message()})
}

// writeJSON answers with a value that marshals without fail.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // It fails when the connection does.
}
