//go:build linux

package deploy

import (
	"testing"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// startBalancer runs HAProxy with a file of deploy/haproxy, until the test ends.
func startBalancer(t *testing.T, file string, variables map[string]string) *system.HAProxy {
	t.Helper()
	return system.StartHAProxy(t, system.HAProxyConfig{Text: read(t, "deploy", "haproxy", file), Variables: variables, Master: true})
}
