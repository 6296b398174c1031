package pglocal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionsAreReadAsPostgresPrintsThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		output string
		want   int // 0 for an error.
	}{
		{"postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", 15},
		{"postgres (PostgreSQL) 9.6.24\n", 9},
		{"postgres (PostgreSQL) 18beta1\n", 18},
		{"postgres (PostgreSQL) 17.5 (Homebrew)\n", 17},
		{"EnterpriseDB 15.1\n", 0},
		{"", 0},
	}
	for _, test := range tests {
		got, err := parseVersion(test.output)
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("parseVersion(%q) = %d, %v, want %d", test.output, got, err, test.want)
		}
	}
}

func TestNewerInstallationsComeFirst(t *testing.T) {
	t.Parallel()
	got := newestFirst([]string{
		"/usr/lib/postgresql/9.6/bin",
		"/usr/lib/postgresql/13/bin",
		"/usr/lib/postgresql/17/bin",
		"/usr/lib/postgresql/latest/bin",
	})
	want := []string{
		"/usr/lib/postgresql/17/bin",
		"/usr/lib/postgresql/13/bin",
		"/usr/lib/postgresql/9.6/bin",
		"/usr/lib/postgresql/latest/bin",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFolderCountsOnlyWithAllProgramsInIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 16.2'\n")
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if major, err := version(t.Context(), account{}, dir); err == nil {
			t.Errorf("version = %d without %s", major, name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), script, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if major, err := version(t.Context(), account{}, dir); major != 16 || err != nil {
		t.Errorf("version = %d, %v, want 16", major, err)
	}
}
