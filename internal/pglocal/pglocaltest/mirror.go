// Package pglocaltest has what tests of a machine without PostgreSQL need: such
// a machine, and a stand-in for the Maven repository that PostgreSQL is
// downloaded from.
package pglocaltest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// Mirror stands in for the repository. It has one archive, whatever name it is
// asked for.
type Mirror struct {
	URL     string
	fetches atomic.Int64
}

// Fetches returns how often the archive was fetched.
func (m *Mirror) Fetches() int { return int(m.fetches.Load()) }

// Start serves an archive, and its SHA-256 beside it, until the test ends.
func Start(t testing.TB, archive []byte) *Mirror {
	t.Helper()
	m := new(Mirror)
	sum := sha256.Sum256(archive)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, ".jar.sha256"):
			_, _ = io.WriteString(w, hex.EncodeToString(sum[:]))
		case strings.HasSuffix(r.URL.Path, ".jar"):
			m.fetches.Add(1)
			_, _ = w.Write(archive)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

// Archive returns an archive of the PostgreSQL whose programs are in the folder
// bin, without what no server needs to start.
func Archive(t testing.TB, bin string) []byte {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	prefix := commonParent(t, bin)
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		addTree(t, w, prefix, filepath.Join(bin, name))
	}
	addTree(t, w, prefix, ask(t, bin, "--pkglibdir"))
	addTree(t, w, prefix, ask(t, bin, "--sharedir"))
	if inner, err := filepath.Rel(prefix, bin); err != nil {
		t.Fatal(err)
	} else if inner != "bin" {
		// The programs look for the rest where it is seen from their own place,
		// in the end of a link.
		add(t, w, &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: filepath.ToSlash(inner)}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return Pack(t, content.Bytes())
}

// Pack returns the archive of a tar file.
func Pack(t testing.TB, content []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": nil, "postgres.txz": storeXZ(content)} {
		file, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// commonParent returns the folder above all folders of a PostgreSQL.
func commonParent(t testing.TB, bin string) string {
	t.Helper()
	parts := strings.Split(bin, string(filepath.Separator))
	for _, option := range []string{"--pkglibdir", "--sharedir"} {
		for i, part := range strings.Split(ask(t, bin, option), string(filepath.Separator)) {
			if i < len(parts) && part != parts[i] {
				parts = parts[:i]
			}
		}
	}
	return strings.Join(parts, string(filepath.Separator))
}

// ask returns what pg_config says.
func ask(t testing.TB, bin, option string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), filepath.Join(bin, "pg_config"), option).Output()
	if err != nil {
		t.Skipf("can't make an archive of the installed PostgreSQL without its pg_config: %v", err)
	}
	return strings.TrimSpace(string(output))
}

// addTree adds a file, or a folder with all in it, under its path below prefix.
func addTree(t testing.TB, w *tar.Writer, prefix, path string) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains([]string{"bitcode", "pgxs", "llvmjit.so", "llvmjit_types.bc"}, entry.Name()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(prefix, path)
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path) // What links lead to.
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // G122: nobody swaps links in an installation meanwhile
		if err != nil {
			return err
		}
		add(t, w, &tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Mode: int64(info.Mode().Perm()), Size: int64(len(content))}, content)
		return nil
	})
	if err != nil {
		t.Fatal(fmt.Errorf("make an archive: %w", err))
	}
}

// add writes one entry.
func add(t testing.TB, w *tar.Writer, header *tar.Header, content []byte) {
	t.Helper()
	if err := w.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
}
