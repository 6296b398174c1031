//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRootsPrivateFoldersAreNoObstacle(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another user")
	}
	private := t.TempDir() // Its parent is closed to others.
	substitute := filepath.Join(newDir(t), "postgres")
	for _, want := range []string{"Making a database", ""} {
		var stdout strings.Builder
		d, err := startDatabase(t.Context(), filepath.Join(private, "postgres"), substitute, "", &stdout)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if d.dir != substitute {
			t.Errorf("the data are in %s, want %s", d.dir, substitute)
		}
		if !strings.HasPrefix(stdout.String(), want) || want == "" && stdout.Len() > 0 {
			t.Errorf("says %q, want %q", stdout.String(), want)
		}
	}
}
