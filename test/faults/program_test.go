//go:build linux

package faults

import (
	"os/exec"
	"testing"
)

// needProgram returns the path of a program, which a package of Debian has.
func needProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		// Where daemons are, which users other than root seldom have in PATH.
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		t.Fatalf("%s is missing: apt-get install -y --no-install-recommends %s", name, pkg)
	}
	return path
}
