package todo_test

import (
	"archive/zip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

// TestTheNamesOfZonesAreThoseThatComeWithGo compares with the archive that time/tzdata is
// made of. After an update of Go, make generate writes them anew.
func TestTheNamesOfZonesAreThoseThatComeWithGo(t *testing.T) {
	t.Parallel()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var want []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			want = append(want, file.Name)
		}
	}
	slices.Sort(want)
	text, err := os.ReadFile("zonenames.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(text)), "\n")); diff != "" {
		t.Errorf("make generate would change zonenames.txt (-want +got):\n%s", diff)
	}
	for _, name := range want {
		if zone, err := todo.LoadZone(name); err != nil || zone.String() != name {
			t.Errorf("%s: %v, %v", name, zone, err)
		}
	}
}

func TestWhatIsNoNameOfTheDatabaseIsNoZone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "Local", "localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin", "europe/berlin", "Europe/Berlin ", "Europe",
		"Europe/", "/Europe/Berlin", "../zoneinfo/Europe/Berlin", "Berlin", "CEST", "+01:00", "UTC+1", "GMT+1", "Europe/Berlin\nEurope/Paris", "\n", "Mars/Olympus",
		"/etc/localtime", "tzdata.zi", "zone.tab",
	} {
		if zone, err := todo.LoadZone(name); !errors.Is(err, todo.ErrZone) {
			t.Errorf("%q: %v, %v, want ErrZone", name, zone, err)
		}
	}
}
