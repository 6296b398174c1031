package pglocaltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Nowhere is a repository that can't be reached: nothing listens on its port.
const Nowhere = "http://127.0.0.1:1"

// Missing is what begins the sentence about a machine without PostgreSQL when
// the repository is [Nowhere].
const Missing = "PostgreSQL 13 or newer is not installed and can't be downloaded: " + Nowhere + " can't be reached: "

// FreshMachine returns the beginning of a command line. The command that follows
// runs as root where no PostgreSQL is installed or was downloaded, as in a new
// container, and with a umask that keeps other users out of what it makes. It is
// a mount namespace with empty folders where PostgreSQL, whose programs are in
// bin, would be. The test is skipped where that can't be had.
func FreshMachine(t testing.TB, bin string) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can hide the PostgreSQL that is installed")
	}
	if output, err := exec.CommandContext(t.Context(), "unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace can be made here: %v: %s", err, output)
	}
	var script strings.Builder
	script.WriteString("set -e; umask 077; ")
	for _, pattern := range []string{bin, "/usr/lib/postgresql", "/usr/share/postgresql", "/usr/pgsql-*", "/usr/libexec/postgresql*", "/var/cache"} {
		folders, _ := filepath.Glob(pattern) // Fails on bad patterns only.
		for _, folder := range folders {
			// One may be in another, which hides it.
			fmt.Fprintf(&script, "[ ! -d '%[1]s' ] || mount -t tmpfs -o mode=755 tmpfs '%[1]s'; ", folder)
		}
	}
	return []string{"unshare", "--mount", "--propagation", "private", "bash", "-c", script.String() + `exec "$@"`, "bash"}
}
