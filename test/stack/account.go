//go:build linux

package stack

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// Unprivileged returns whom programs run as that refuse root: nil for
// ourselves when we are not root.
func Unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} { // Like internal/pglocal.
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("there is no user postgres or nobody to run programs as that refuse root")
	return nil
}

// FolderFor returns a new folder that belongs to an account. It is not one of
// the test's, which other accounts may not enter.
func FolderFor(t *testing.T, account *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "todo-test-") //nolint:usetesting // A test's own folder is closed to other accounts.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if account != nil {
		if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
