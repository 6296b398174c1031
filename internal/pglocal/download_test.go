//go:build unix

package pglocal

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/todo-backend/internal/pglocal/pglocaltest"
)

// newCache returns a downloader to a folder, not made yet, that PostgreSQL's user can enter.
func newCache(t *testing.T, mirror string) *downloader {
	t.Helper()
	d, err := newDownloader(mirror, newDir(t), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// file is a file of an archive of the tests.
func file(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o777}
}

// archiveOf returns an archive of entries whose content is one letter.
func archiveOf(t *testing.T, entries ...*tar.Header) []byte {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, entry := range entries {
		if err := w.WriteHeader(entry); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "x"[:entry.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return pglocaltest.Pack(t, content.Bytes())
}

// TestADownloadedPostgreSQLRunsAsItsUser fetches the installed one, by several
// processes at once, as far as the lock can tell.
func TestADownloadedPostgreSQLRunsAsItsUser(t *testing.T) {
	t.Parallel()
	mirror := pglocaltest.Start(t, pglocaltest.Archive(t, programs(t)))
	d := newCache(t, mirror.URL)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := d.run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if mirror.Fetches() != 1 {
		t.Errorf("it was fetched %d times", mirror.Fetches())
	}
	account, err := unprivileged("")
	if err != nil {
		t.Fatal(err)
	}
	if major, err := version(t.Context(), account, d.programs()); err != nil || major < oldest {
		t.Errorf("version = %d, %v", major, err)
	}
	if left := names(t, d.cacheDir); !slices.Equal(left, []string{"lock", "postgresql-" + downloadVersion}) {
		t.Errorf("the cache holds %v", left)
	}
}

// names returns what is in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func TestWhatIsUnpackedCanBeReadAndRunByEverybodyAndChangedByNobodyElse(t *testing.T) {
	t.Parallel()
	text := file("share/a/text")
	text.Mode = 0o600
	program := file("./bin/postgres")
	program.Mode = 0o4700 // As root's, if that were kept.
	link := &tar.Header{Typeflag: tar.TypeSymlink, Name: "lib", Linkname: "share/a"}
	folder := &tar.Header{Typeflag: tar.TypeDir, Name: "empty/", Mode: 0o700}
	d := newCache(t, pglocaltest.Start(t, archiveOf(t, text, program, link, folder)).URL)
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(d.programs())
	for name, want := range map[string]fs.FileMode{
		".":            fs.ModeDir | 0o755,
		"bin":          fs.ModeDir | 0o755,
		"bin/postgres": 0o755,
		"share/a/text": 0o644,
		"lib/text":     0o644,
		"empty":        fs.ModeDir | 0o755,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%s: %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestAnArchiveThatLeavesItsFolderIsRefused(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]*tar.Header{
		"by dots":     {file("bin/../../../escaped")},
		"by a slash":  {file("/escaped")},
		"by a link":   {{Typeflag: tar.TypeSymlink, Name: "out", Linkname: "../.."}, file("out/escaped")},
		"over a link": {{Typeflag: tar.TypeSymlink, Name: "out", Linkname: "../../escaped"}, file("out")},
		"by a device": {{Typeflag: tar.TypeBlock, Name: "escaped"}},
		"by a hard link": {
			{Typeflag: tar.TypeLink, Name: "escaped", Linkname: "/etc/passwd"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newCache(t, pglocaltest.Start(t, archiveOf(t, entries...)).URL)
			if err := d.run(t.Context()); err == nil {
				t.Error("it is taken")
			}
			if left := names(t, d.cacheDir); !slices.Equal(left, []string{"lock"}) {
				t.Errorf("the cache holds %v", left)
			}
			if above := names(t, filepath.Dir(d.cacheDir)); len(above) != 1 {
				t.Errorf("beside the cache there is %v", above)
			}
		})
	}
}

func TestAFailedDownloadSaysWhyAndLeavesNoPrograms(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, file("bin/postgres"))
	wrong := strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		checksum, archive string
		status            int
		want              string
	}{
		"no archive":               {"", "", http.StatusNotFound, ".jar: file does not exist"},
		"a repository that fails":  {"", "", http.StatusBadGateway, "answers 502 Bad Gateway"},
		"another checksum":         {wrong, string(archive), 0, "not " + wrong + " as the repository says"},
		"no checksum":              {"<html>", "", 0, ".sha256 is no SHA-256"},
		"an answer without an end": {strings.Repeat("<html>", 1000), "", 0, "is larger than 1024 bytes"},
		"no archive but a page":    {"", "<html>", 0, "not a valid zip file"},
		"half an archive":          {"", string(archive[:len(archive)/2]), 0, "not a valid zip file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				content := test.archive
				if strings.HasSuffix(r.URL.Path, ".sha256") {
					content = test.checksum
				}
				switch {
				case test.status != 0:
					w.WriteHeader(test.status)
				case content == "":
					http.NotFound(w, r)
				default:
					_, _ = io.WriteString(w, content)
				}
			}))
			defer server.Close()
			d := newCache(t, server.URL+"/maven/")
			err := d.run(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("run: %v, want %q in it", err, test.want)
			}
			if _, err := os.Stat(d.programs()); err == nil {
				t.Error("there are programs")
			}
		})
	}
}

func TestAnArchiveWithoutAChecksumIsTaken(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, file("bin/postgres"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archive)
	}))
	defer server.Close()
	d := newCache(t, server.URL)
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(d.programs(), "postgres")); err != nil {
		t.Error(err)
	}
}

// TestANetworkThatSwallowsEverythingIsGivenUpSoon has time pass in no time.
func TestANetworkThatSwallowsEverythingIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	cacheDir := filepath.Join(t.TempDir(), "cache")
	synctest.Test(t, func(t *testing.T) {
		d, err := newDownloader("", cacheDir, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		d.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		start := time.Now()
		err = d.run(t.Context())
		if err == nil || err.Error() != "https://repo1.maven.org/maven2 can't be reached: no answer within 5s" {
			t.Errorf("run: %v", err)
		}
		if took := time.Since(start); took != answerTimeout {
			t.Errorf("it took %v", took)
		}
	})
	if _, err := os.Stat(cacheDir); err == nil {
		t.Error("the cache was made")
	}
}

func TestAMirrorIsTheURLOfARepository(t *testing.T) {
	t.Parallel()
	for _, mirror := range []string{"nexus.example.com", "ftp://nexus.example.com/maven", "https://", "/maven", "%"} {
		if _, err := newDownloader(mirror, t.TempDir(), io.Discard); err == nil || !strings.Contains(err.Error(), MirrorVariable) {
			t.Errorf("%s: %v, want an error that names the variable", mirror, err)
		}
	}
	const secret = "hunter2"
	d, err := newDownloader("http://reader:"+secret+"@127.0.0.1:1/maven/", newDir(t), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.run(t.Context()); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("run: %v, want an error without the password", err)
	}
}

func TestAnArchiveIsNamedAfterTheSystem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		goos, goarch string
		alpine       bool
		want         string
	}{
		{"linux", "amd64", false, "linux-amd64"},
		{"linux", "arm64", false, "linux-arm64v8"},
		{"linux", "arm64", true, "linux-arm64v8-alpine"},
		{"linux", "386", false, "linux-i386"},
		{"linux", "ppc64le", false, "linux-ppc64le"},
		{"darwin", "arm64", false, "darwin-arm64v8"},
		{"windows", "amd64", false, "windows-amd64"},
	} {
		if got, want := archiveName(test.goos, test.goarch, test.alpine), "embedded-postgres-binaries-"+test.want; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	d := newCache(t, "https://nexus.example.com/maven/")
	got := d.url("").String()
	if want := "https://nexus.example.com/maven/io/zonky/test/postgres/" + thisArchive() + "/17.5.0/" + thisArchive() + "-17.5.0.jar"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
