//go:build unix

package main

import (
	"errors"
	"strings"
	"testing"
)

func TestNodeIsFoundWhereItSaysThatItIs(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"20.19.0", "20.20.2", "22.0.0", "120.1.0"} {
		node := writeScript(t, "node", "echo "+version+" '/opt/node js/bin/node'")
		path, err := findNode(t.Context(), node)
		if err != nil || path != "/opt/node js/bin/node" {
			t.Errorf("version %s: %q, %v", version, path, err)
		}
	}
}

func TestWithoutAFittingNodeTheErrorSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ node, want string }{
		"missing":         {"node-that-is-not-there", "not found"},
		"too old":         {writeScript(t, "node", "echo 18.20.4 /usr/bin/node"), "is version 18.20.4"},
		"a little so":     {writeScript(t, "node", "echo 20.18.3 /usr/bin/node"), "is version 20.18.3"},
		"broken":          {writeScript(t, "node", "exit 127"), "does not run: exit status 127"},
		"something else":  {writeScript(t, "node", "echo usage: node"), `"usage:"`},
		"an empty answer": {writeScript(t, "node", "true"), `""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := findNode(t.Context(), test.node)
			if !errors.Is(err, errNode) {
				t.Fatalf("findNode: %v", err)
			}
			if text := err.Error(); !strings.Contains(text, test.want) || !strings.Contains(text, "install Node.js 20.19 or later") {
				t.Errorf("no %q in %q", test.want, text)
			}
		})
	}
}
