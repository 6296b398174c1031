package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// measured lists the documents whose figures have commands.
func measured() []string { return []string{"docs/performance.md", "docs/scaling.md"} }

// goTest is a command that measures: go test, a folder to begin in, packages and patterns.
var goTest = regexp.MustCompile("go test (?:-C (\\S+) )?([^`\n]*)")

// TestTheCommandsOfFiguresExist reads every command that a document names for its figures:
// make has the target, and a go test has tests or benchmarks that its patterns fit.
func TestTheCommandsOfFiguresExist(t *testing.T) {
	t.Parallel()
	makefile := string(repoFile(t, "Makefile"))
	for _, document := range measured() {
		text := string(repoFile(t, document))
		targets := regexp.MustCompile("(?m)(?:`|^    )make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1)
		tests := goTest.FindAllStringSubmatch(text, -1)
		if len(targets) < 3 || len(tests) < 4 {
			t.Errorf("%s: %d make targets and %d go tests were read", document, len(targets), len(tests))
		}
		for _, target := range targets {
			if !strings.Contains(makefile, "\n"+target[1]+":") {
				t.Errorf("%s: there is no make %s", document, target[1])
			}
		}
		for _, command := range tests {
			checkGoTest(t, document, command[1], command[2])
		}
		for _, program := range regexp.MustCompile(`go run (?:-C (\S+) )?(\./\S+)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, program[1], program[2], "main.go")); err != nil {
				t.Errorf("%s: %s: %v", document, program[0], err)
			}
		}
	}
}

// checkGoTest checks that a go test finds what it is to run.
func checkGoTest(t *testing.T, document, folder, arguments string) {
	t.Helper()
	names := make(map[string]bool)
	for _, name := range regexp.MustCompile(`(?:^|\s)\.(/\S+)?(?:\s|$)`).FindAllStringSubmatch(arguments, -1) {
		maps.Copy(names, testsIn(t, filepath.Join(root, folder, name[1])))
	}
	patterns := 0
	for _, flag := range regexp.MustCompile(`-(run|bench) '?([^'\s]+)'?`).FindAllStringSubmatch(arguments, -1) {
		pattern, _, _ := strings.Cut(flag[2], "/") // Of the parts of a test, its name.
		if flag[1] == "run" && pattern == "^$" {
			continue
		}
		patterns++
		begin := map[string]string{"run": "Test", "bench": "Benchmark"}[flag[1]]
		if !slices.ContainsFunc(slices.Collect(maps.Keys(names)), func(name string) bool {
			return strings.HasPrefix(name, begin) && regexp.MustCompile(pattern).MatchString(name)
		}) {
			t.Errorf("%s: go test %s: nothing there fits %s %s", document, arguments, flag[1], flag[2])
		}
	}
	if patterns == 0 {
		t.Errorf("%s: go test %s runs nothing in particular", document, arguments)
	}
}

// TestTheLinksOfScalingLeadSomewhere follows links to files of the repository, and to their
// headings.
func TestTheLinksOfScalingLeadSomewhere(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)#:]+)(?:#([^)]+))?\)`).FindAllStringSubmatch(string(repoFile(t, "docs/scaling.md")), -1)
	if len(links) < 8 {
		t.Errorf("%d links were read", len(links))
	}
	for _, link := range links {
		path := filepath.Join(root, "docs", link[1])
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
			continue
		}
		if link[2] == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(content), -1), func(heading []string) bool {
			return anchor(heading[1]) == link[2]
		}) {
			t.Errorf("%s has no heading for #%s", link[1], link[2])
		}
	}
}

// anchor returns what GitHub makes of a heading.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}
