package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's folder, seen from this package.
const root = "../.."

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shells returns the shells that people paste commands into, of those that are there: zsh is
// the usual one of macOS.
func shells() []string {
	shells := []string{"sh", "bash"}
	if _, err := exec.LookPath("zsh"); err == nil {
		shells = append(shells, "zsh")
	}
	return shells
}

// TestTheReadmesCommandsWork runs every command of the README's sh blocks, in
// their order, in one shell of each kind.
func TestTheReadmesCommandsWork(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	// What each block prints, in order.
	wants := [][]string{
		{`"title":"Buy milk"`, `"description":"2 litres"`},
		{},
		{`"title":"Buy milk"`, `"nextPageToken":""`, `"isCompleted":true`, `{}`},
		{`"title":"Buy bread"`, `"title":"Buy rye bread"`, `"isCompleted":true`, `{}`},
		{`"title":"Call the bank"`, `"dueDate":"2026-12-01","dueTime":"09:00","dueTimeZone":"Europe/Berlin","priority":"PRIORITY_HIGH","tags":["Money"]`},
		{`"todos":[{`, `"title":"Pay the rent"`, `"nextPageToken":""`},
		{`"title":"Buy eggs"`},
		{`"title":"Buy rye flour"`, "}200\n", `"code":"aborted"`, "}409\n", "HTTP/1.1 200 OK", "Etag: "},
		{"{}\n", `"title":"Buy salt"`, `"deletedAt":"`, `"purgeTime":"`, "{}\n"},
		{`"title":"Buy oats"`, `"nextSyncToken":"`, `"hasMore":false`},
		{"data: {", `"title":"Buy oats"`, "id: "},
		{`{"results":[{"todo":{"id":"`, `"title":"Buy rice"`, `"isCompleted":true`},
		{"grpc.health.v1.Health", "todo.v1.TodoService", `"title": "Buy tea"`, `"description": "green"`, "{}", `"status": "SERVING"`},
	}
	if len(blocks) != len(wants) {
		t.Fatalf("the README has %d sh blocks, this test knows %d", len(blocks), len(wants))
	}

	const separator = "=== next block"
	watch, err := os.ReadFile(filepath.Join("testdata", "watch.sh"))
	if err != nil {
		t.Fatal(err)
	}
	script := "set -eu\n(set -o pipefail) 2>/dev/null && set -o pipefail\n" + string(watch) // Not every sh has pipefail.
	for _, block := range blocks {
		script += strings.ReplaceAll(block[1], "http://localhost:8080", s.url) + "echo; echo '" + separator + "'\n"
	}
	script = strings.ReplaceAll(script, "localhost:8080", strings.TrimPrefix(s.url, "http://"))
	path := grpcurl(t) + ":" + os.Getenv("PATH")
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), shell, "-c", script)
			command.Env = append(os.Environ(), "TOKEN="+s.issuer.Token("reader in "+shell), "PATH="+path)
			var stderr strings.Builder
			command.Stderr = &stderr
			stdout, err := command.Output()
			if err != nil || stderr.String() != "" {
				t.Fatalf("%v\n%s\n%s", err, stdout, stderr.String())
			}
			checkPrinted(t, blocks, strings.Split(string(stdout), separator), wants)
		})
	}
}

// checkPrinted checks what each of the README's blocks has printed.
func checkPrinted(t *testing.T, blocks [][]string, printed []string, wants [][]string) {
	t.Helper()
	for i, want := range wants {
		for _, part := range want {
			if !strings.Contains(printed[i], part) {
				t.Errorf("block %d prints no %s:\n%s\nit prints:\n%s", i, part, blocks[i][1], printed[i])
			}
		}
		if strings.Contains(blocks[i][1], "for attempt in 1 2 3") {
			answers := strings.Split(strings.TrimSpace(printed[i]), "\n")
			first := regexp.MustCompile(`,"etag":"[^"]+"`).ReplaceAllString(answers[0], "")
			if len(answers) != 3 || first == answers[0] || first != answers[1] || first != answers[2] {
				t.Errorf("block %d prints not the same answer three times:\n%s", i, printed[i])
			}
		}
		if strings.Contains(blocks[i][1], "for attempt in 1 2;") {
			var results [2]struct {
				Results []struct{ Todo json.RawMessage }
			}
			answers := strings.Split(strings.TrimSpace(printed[i]), "\n")
			if len(answers) != 2 || json.Unmarshal([]byte(answers[0]), &results[0]) != nil || json.Unmarshal([]byte(answers[1]), &results[1]) != nil ||
				len(results[0].Results) != 2 || string(results[1].Results[1].Todo) != string(results[0].Results[1].Todo) {
				t.Errorf("block %d changes something with its repetition:\n%s", i, printed[i])
			}
		}
		// Operations that were applied have an empty code.
		if strings.Contains(strings.NewReplacer(`"code":"aborted"`, "", `"code":""`, "").Replace(printed[i]), `"code"`) {
			t.Errorf("block %d fails:\n%s", i, printed[i])
		}
		if strings.Contains(printed[i], "}{") {
			t.Errorf("block %d prints answers that share a line:\n%s", i, printed[i])
		}
	}
}

// grpcurl builds the real program and returns the folder that it is in.
func grpcurl(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile=tools/go.mod", "-o", folder, "github.com/fullstorydev/grpcurl/cmd/grpcurl")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build grpcurl: %v\n%s", err, output)
	}
	return folder
}

func TestTheReadmeNamesTargetsAndVersionsThatExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile("(?:`|    )make ([a-z0-9-]+)").FindAllStringSubmatch(readme(t), -1)
	if len(targets) < 3 {
		t.Errorf("the README names %d targets", len(targets))
	}
	for _, target := range targets {
		if !regexp.MustCompile(`(?m)^` + target[1] + `:`).Match(makefile) {
			t.Errorf("make %s does not exist", target[1])
		}
	}

	tools, err := os.ReadFile(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`grpcurl/cmd/grpcurl@(v\S+?)\x60`).FindStringSubmatch(readme(t))
	if version == nil || !strings.Contains(string(tools), "github.com/fullstorydev/grpcurl "+version[1]) {
		t.Errorf("the README installs grpcurl %v, which is not what tools/go.mod pins", version)
	}
}

// TestTheReadmeGivesAReasonForEachDependency also finds reasons for what the
// project no longer depends on.
func TestTheReadmeGivesAReasonForEachDependency(t *testing.T) {
	t.Parallel()
	var gomods strings.Builder
	for _, dir := range []string{"", "test/deploy"} {
		gomod, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		gomods.Write(gomod)
	}
	_, table, _ := strings.Cut(readme(t), "## Dependencies")
	reasons := make(map[string]bool)
	for _, name := range regexp.MustCompile("`([a-z0-9.-]+\\.[a-z]+/[A-Za-z0-9./_-]+)`").FindAllStringSubmatch(table, -1) {
		reasons[name[1]] = true
	}
	needed := make(map[string]bool)
	for line := range strings.SplitSeq(gomods.String(), "\n") {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) != 2 || !strings.Contains(fields[0], "/") || !strings.HasPrefix(fields[1], "v") {
			continue // Indirect ones have a comment.
		}
		needed[fields[0]] = !strings.HasPrefix(fields[0], "example.com/") // The module of the service itself.
	}
	for name, wanted := range needed {
		if wanted && !reasons[name] {
			t.Errorf("no reason for %s", name)
		}
		delete(reasons, name)
	}
	if len(reasons) > 0 {
		t.Errorf("reasons for what is no direct dependency: %v", reasons)
	}
}
