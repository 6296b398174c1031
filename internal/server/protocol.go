package server

import (
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

// The protocols besides Connect's own three.
const (
	protocolHTTP = "http"
	protocolREST = "rest"
)

// grpcStatusTrailer is the header in which Connect puts the status of a gRPC
// response.
const grpcStatusTrailer = http.TrailerPrefix + "Grpc-Status"

// protocolOf names the protocol of a request by its content type. Everything but
// gRPC and gRPC-Web is plain HTTP, until a route knows better.
func protocolOf(r *http.Request) string {
	contentType := r.Header.Get("Content-Type")
	if len(contentType) > maxParsedHeaderBytes {
		return protocolHTTP
	}
	switch strings.ToLower(contentType) {
	case "application/grpc", "application/grpc+proto", "application/grpc+json":
		return connect.ProtocolGRPC
	case "application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json":
		return connect.ProtocolGRPCWeb
	}
	return protocolHTTP
}

// isGRPC reports whether a request is a gRPC or gRPC-Web call: its messages have
// envelopes, and its response has a gRPC status.
func isGRPC(r *http.Request) bool {
	return r.Method == http.MethodPost && protocolOf(r) != protocolHTTP
}
