//go:build profile

// This file becomes part of cmd/todod in a build of the bench's own, by the go
// command's -overlay: see ../profile.go. No other build of the service has it, so
// that there is nothing in production to reach a profile by.
package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
)

// init is the one way in that leaves main as it is.
func init() {
	go func() { _ = http.ListenAndServe(os.Getenv("TODOD_PPROF"), nil) }() //nolint:gosec // G114: on loopback, for seconds.
}
