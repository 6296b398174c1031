// Command zonenames prints the names of the time zones that come with Go, sorted, each on
// a line of its own:
//
//	go run . > ../../internal/todo/zonenames.txt
package main

import (
	"archive/zip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	names, err := zoneNames()
	if err != nil {
		fmt.Fprintln(os.Stderr, "zonenames:", err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(names, "\n"))
}

// zoneNames returns the names of the files in Go's archive of time zones.
func zoneNames() ([]string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
