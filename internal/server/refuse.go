package server

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"connectrpc.com/connect"
)

// refuser writes the errors of requests that reach no RPC: those with an unknown
// path, or with a method or a content type that is not served, and those that
// panic. The errors look like those of RPCs: a gRPC status for gRPC callers, JSON
// with a code and a message for all others.
type refuser struct {
	errors *errorRenderer
	rpc    *connect.ErrorWriter
}

func newRefuser(errs *errorRenderer) refuser {
	return refuser{errors: errs, rpc: connect.NewErrorWriter()}
}

// refuse writes an error with a message for the caller.
func (f refuser) refuse(w http.ResponseWriter, r *http.Request, status int, code connect.Code, message string) {
	err := connect.NewError(code, errors.New(message))
	state := stateOf(r.Context())
	state.fail(code, err)
	state.refusedStatus = status
	f.write(w, r, status, err)
}

// error writes an error as the tables render it.
func (f refuser) error(w http.ResponseWriter, r *http.Request, err error) {
	state := stateOf(r.Context())
	rendered := f.errors.render(r.Context(), state.protocol, err)
	if state.stream != nil {
		_ = f.rpc.Write(w, r, rendered) // It fails when the connection does.
		return
	}
	f.write(w, r, http.StatusInternalServerError, rendered)
}

// notFound writes the error of an unknown path.
func (f refuser) notFound(w http.ResponseWriter, r *http.Request) {
	code := connect.CodeNotFound
	if isGRPC(r) {
		code = connect.CodeUnimplemented // gRPC's code for an unknown method.
	}
	f.refuse(w, r, http.StatusNotFound, code, "there is nothing at this path")
}

// methodNotAllowed writes the error of an HTTP method that a path does not serve.
func (f refuser) methodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	f.refuse(w, r, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "this path answers to "+allow)
}

func (f refuser) write(w http.ResponseWriter, r *http.Request, status int, err *connect.Error) {
	if isGRPC(r) {
		_ = f.rpc.Write(w, r, err) // It fails when the connection does.
		return
	}
	maps.Copy(w.Header(), err.Meta())
	writeJSON(w, status, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{err.Code().String(), err.Message()})
}

// writeJSON writes a value that always marshals.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // It fails when the connection does.
}
