//go:build linux

package stack

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// NeedProgram returns the path of a program. Where it is missing the test fails with the
// package of Debian that has it.
func NeedProgram(t *testing.T, name, pkg string) string {
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

// Repository returns the absolute path of a file of the repository, for a test whose
// package is two folders below its root.
func Repository(t *testing.T, path ...string) string {
	t.Helper()
	return ProgramPath(t, filepath.Join(append([]string{"..", ".."}, path...)...))
}

// ProgramPath returns the absolute path of a program: children run in other folders.
func ProgramPath(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}
