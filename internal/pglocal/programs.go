package pglocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

// oldest is the oldest major version of PostgreSQL that the service supports, since
// gen_random_uuid is built in from 13 on.
const oldest = 13

// askTimeout bounds a call of a program for its version. It is long, so that a busy
// machine doesn't seem to lack the program.
const askTimeout = 30 * time.Second

// usualFolders returns patterns of the folders in which systems keep PostgreSQL's
// programs outside PATH.
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

// Find returns the folder of PostgreSQL's programs. If there are none, it downloads them
// as [Start] does, from mirror, and writes a line to progress. Callers that start many
// servers call it first: when it fails, each Start would fail for the same reason, and
// more slowly.
func Find(ctx context.Context, mirror string, progress io.Writer) (string, error) {
	account, err := unprivileged("")
	if err != nil {
		return "", fmt.Errorf("pglocal: %w", err)
	}
	return obtain(ctx, account, 0, mirror, progress)
}

// obtain returns the folder of suitable programs, as choose does, and downloads them if
// there are none.
func obtain(ctx context.Context, account *account, major int, mirror string, progress io.Writer) (string, error) {
	bin, found := choose(ctx, account, major)
	switch {
	case found:
		return bin, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case major != 0 && major != downloadMajor:
		return "", errors.New(missing(major) + ": install it, or delete the data to start anew")
	}
	cacheDir, err := programsCache()
	if err != nil {
		return "", fmt.Errorf("%s, and there is no folder to download it to: %w; %s", missing(major), err, installHint())
	}
	d, err := newDownloader(mirror, cacheDir, progress)
	if err != nil {
		return "", err
	}
	if err := d.run(ctx); err != nil {
		return "", fmt.Errorf("%s and can't be downloaded: %w; %s, or set %s to a Maven repository that can be reached",
			missing(major), err, installHint(), MirrorVariable)
	}
	if _, err := version(ctx, account, d.programs()); err != nil {
		return "", fmt.Errorf("%s, and the one in %s does not run: %w; %s", missing(major), d.programs(), err, installHint())
	}
	return d.programs(), nil
}

// missing says which PostgreSQL is missing on this machine.
func missing(major int) string {
	if major == 0 {
		return fmt.Sprintf("PostgreSQL %d or newer is not installed", oldest)
	}
	return fmt.Sprintf("the data were made by PostgreSQL %d, which is not installed", major)
}

// choose returns the folder of PostgreSQL programs that the account can run and that
// have the given major version, which created the data. Major 0 means new data, for
// which any supported version will do.
func choose(ctx context.Context, account *account, major int) (bin string, found bool) {
	folders := installed(ctx)
	if cacheDir, err := programsCache(); err == nil {
		folders = append(folders, downloadedPrograms(cacheDir))
	}
	for _, bin := range folders {
		has, err := version(ctx, account, bin)
		if err == nil && has >= oldest && (major == 0 || has == major) {
			return bin, true
		}
	}
	return "", false
}

// programsCache returns the folder for downloaded programs. For root it is a public one,
// since the server's user can't enter root's own cache folder.
func programsCache() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/todo-backend", nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "todo-backend"), err
}

// installed returns the folders on this machine that have PostgreSQL's programs. Those
// in PATH come first, then the others, newest first.
func installed(ctx context.Context) []string {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH leads to where the other programs are.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		folders = append(folders, filepath.Dir(path))
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
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

// version returns the major version of the programs in a folder. It fails when a needed
// program is missing or the account can't run them.
func version(ctx context.Context, account *account, bin string) (int, error) {
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(bin, name)); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	runtime.LockOSThread() // See Server.launch.
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version")
	cmd.SysProcAttr = processAttributes(account)
	output, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return 0, fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		return 0, err
	}
	return parseVersion(string(output))
}

// parseVersion returns the major version in the output of `postgres --version`, such as
// "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)".
func parseVersion(output string) (int, error) {
	match := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(output)
	if match == nil {
		return 0, errors.New("pglocal: no version in " + strconv.Quote(output))
	}
	return strconv.Atoi(match[1])
}

// installHint says how to install PostgreSQL on this machine.
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
