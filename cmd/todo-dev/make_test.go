package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// withoutMake returns what makes make forget that make runs the tests, and how.
func withoutMake() []string { return []string{"MAKEFLAGS=", "MAKELEVEL=", "GO=go"} }

// makePlan returns the commands that make would run for a target.
func makePlan(t *testing.T, target string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-n", target)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), withoutMake()...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make -n %s: %v\n%s", target, err, text)
	}
	return string(text)
}

// TestMakeRunCompilesEverythingOnceAndSaysSo looks at the builds: one for both
// programs, with the flags of the tests, so that no package is compiled twice.
func TestMakeRunCompilesEverythingOnceAndSaysSo(t *testing.T) {
	t.Parallel()
	plan := makePlan(t, "run")
	builds := regexp.MustCompile(`go build (.*)`).FindAllString(plan, -1)
	if len(builds) != 1 || !strings.Contains(builds[0], "./cmd/todod ./cmd/todo-dev") {
		t.Errorf("make run builds by %q", builds)
	}
	for _, flag := range []string{"-pgo", "-trimpath", "CGO_ENABLED"} {
		if strings.Contains(plan, flag) {
			t.Errorf("make run compiles with %s", flag)
		}
	}
	said := regexp.MustCompile(`(?s)echo 'Building .*first time takes .*go build .*echo "Built in .*todo-dev -todod`)
	if !said.MatchString(plan) {
		t.Errorf("make run does not say what it builds, and for how long:\n%s", plan)
	}
}

func TestTheReleaseIsBuiltWithItsProfile(t *testing.T) {
	t.Parallel()
	plan := makePlan(t, "build")
	if !regexp.MustCompile(`CGO_ENABLED=0 go build -pgo=auto -trimpath .* -o bin/todod \./cmd/todod`).MatchString(plan) {
		t.Errorf("make build runs\n%s", plan)
	}
}
