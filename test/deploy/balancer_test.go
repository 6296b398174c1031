//go:build linux

package deploy

import (
	"regexp"
	"testing"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// startBalancer runs HAProxy with a file of deploy/haproxy, until the test ends.
func startBalancer(t *testing.T, file string, variables map[string]string) *system.HAProxy {
	t.Helper()
	return system.StartHAProxy(t, system.HAProxyConfig{Text: read(t, "deploy", "haproxy", file), Variables: variables, Master: true})
}

// Two HAProxies on one machine, one in front of the other, would take each other's writes.
func TestNoTwoFilesShareASocket(t *testing.T) {
	t.Parallel()
	of := make(map[string]string)
	for _, file := range files(t, "*.cfg") {
		found := regexp.MustCompile(`(?m)^\tpresetenv ONCE_SOCKET (\S+)$`).FindStringSubmatch(readFile(t, file))
		if found == nil {
			t.Errorf("no socket in %s", file)
			continue
		}
		if other := of[found[1]]; other != "" {
			t.Errorf("%s is the socket of %s and of %s", found[1], other, file)
		}
		of[found[1]] = file
	}
}
