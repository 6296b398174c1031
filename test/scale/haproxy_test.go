//go:build scale && linux

package scale

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/todo-backend/test/stack"
)

// configuration returns a file of deploy/haproxy.
func configuration(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(stack.Repository(t, "deploy", "haproxy", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// startBalancer runs HAProxy with a configuration, until the test ends.
func startBalancer(t *testing.T, config string, variables map[string]string) *stack.HAProxy {
	t.Helper()
	return stack.StartHAProxy(t, stack.HAProxyConfig{Text: config, Variables: variables, Canaries: &lookout})
}

// patient returns a configuration in which HAProxy waits longer for what it has two seconds
// for: timeouts by name. A busy machine then has it take no process for one that is gone.
func patient(t *testing.T, config string, timeouts ...string) string {
	t.Helper()
	for _, name := range timeouts {
		usual := "timeout " + name + " 2s\n"
		if !strings.Contains(config, usual) {
			t.Fatalf("the configuration has no %q", usual)
		}
		config = strings.Replace(config, usual, fmt.Sprintf("timeout %s %v\n", name, stack.Patience), 1)
	}
	return config
}

// withServers returns a configuration with further copies of the server b, by letter: "one
// line for each process".
func withServers(config string, letters ...string) string {
	var text strings.Builder
	for line := range strings.Lines(config) {
		text.WriteString(line)
		for _, letter := range letters {
			if strings.HasPrefix(line, "\tserver b ") {
				text.WriteString(strings.NewReplacer("server b ", "server "+letter+" ", "_B}", "_"+strings.ToUpper(letter)+"}", "/b", "/"+letter).Replace(line))
			}
		}
	}
	return text.String()
}
