package pglocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the oldest major version of PostgreSQL that the service runs on:
// gen_random_uuid is built in from 13 on.
const oldest = 13

// usualFolders returns where systems keep PostgreSQL's programs without
// putting them into PATH, as patterns.
func usualFolders() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // the PostgreSQL project's RPMs
		"/usr/libexec/postgresql*",           // Alpine
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on ARM
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		`C:\Program Files\PostgreSQL\*\bin`,
	}
}

// choose returns the folder of PostgreSQL's programs: any version that will do
// for new data, which major 0 stands for, else the version that made the data.
// Without one it downloads one to the cache folder when it may.
func choose(ctx context.Context, cacheDir string, major int) (string, error) {
	fits := func(found int) bool {
		return found >= oldest && (major == 0 || found == major)
	}
	folders := installed(ctx)
	if cacheDir != "" {
		folders = append(folders, downloadedPrograms(cacheDir))
	}
	for _, bin := range folders {
		if found, err := version(ctx, bin); err == nil && fits(found) {
			return bin, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case major != 0 && !(cacheDir != "" && major == downloadMajor):
		return "", fmt.Errorf("the data were made by PostgreSQL %d, which is not on this machine: install it, or delete the data to start anew", major)
	case cacheDir == "":
		return "", fmt.Errorf("found no PostgreSQL %d or newer: %s", oldest, installHint())
	case os.Geteuid() == 0:
		return "", fmt.Errorf("found no PostgreSQL %d or newer, and a downloaded one does not run as root: %s", oldest, installHint())
	}
	bin, err := download(ctx, cacheDir, repository)
	if err != nil {
		return "", fmt.Errorf("found no PostgreSQL %d or newer, and could not download one: %w: %s", oldest, err, installHint())
	}
	return bin, nil
}

// installed returns the folders on this machine that have PostgreSQL's
// programs in them, the ones that the user put first before those that were
// only installed, among which newer ones come first.
func installed(ctx context.Context) []string {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH leads to where the other programs are.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		folders = append(folders, filepath.Dir(path))
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(output)))
	}
	for _, pattern := range usualFolders() {
		matches, _ := filepath.Glob(pattern) // Fails on bad patterns only.
		folders = append(folders, newestFirst(matches)...)
	}
	return folders
}

// newestFirst sorts folders by the version number in their path, highest
// first.
func newestFirst(folders []string) []string {
	numbers := regexp.MustCompile(`\d+`)
	number := func(folder string) int {
		n, _ := strconv.Atoi(numbers.FindString(folder))
		return n
	}
	slices.SortStableFunc(folders, func(a, b string) int { return number(b) - number(a) })
	return folders
}

// version returns the major version of the programs in a folder. It fails when
// one of those that are needed is missing.
func version(ctx context.Context, bin string) (int, error) {
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(bin, name)); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return 0, err
	}
	return parseVersion(string(output))
}

// parseVersion reads the major version out of what `postgres --version` says,
// such as "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)".
func parseVersion(output string) (int, error) {
	match := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(output)
	if match == nil {
		return 0, errors.New("pglocal: no version in " + strconv.Quote(output))
	}
	return strconv.Atoi(match[1])
}

// installHint says how to install PostgreSQL with what this machine has.
func installHint() string {
	for _, command := range []string{
		"brew install postgresql@17",
		"apt-get install postgresql",
		"dnf install postgresql-server",
		"apk add postgresql",
		"pacman -S postgresql",
		"zypper install postgresql-server",
	} {
		manager, _, _ := strings.Cut(command, " ")
		if _, err := exec.LookPath(manager); err == nil {
			return "install it with: " + command
		}
	}
	return "install it from https://www.postgresql.org/download/ (" + runtime.GOOS + ")"
}
