package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// printed returns what the program prints. The program has one goroutine: it runs without
// the race detector, which would take ten times its time.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	command := exec.CommandContext(t.Context(), "go", append([]string{"run", "-race=false", "."}, args...)...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatal(err, &stderr)
	}
	return stdout.String()
}

func TestTheDocumentShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "scaling.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	parts := strings.Split(strings.TrimSpace(printed(t, "-seed", "1")), "### ")[1:]
	if len(parts) != 8 {
		t.Errorf("%d tables are printed, want 8", len(parts))
	}
	for _, part := range parts {
		heading, table, _ := strings.Cut(strings.TrimSpace(part), "\n\n")
		if !strings.Contains(document, table+"\n") {
			t.Errorf("docs/scaling.md does not show the table %q as it is printed:\n%s", heading, table)
		}
	}
}

func TestAnotherSeedGivesOtherNumbers(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	var courses [3][]weighted
	for i, seed := range []uint64{1, 1, 2} {
		r := newRollout(newSimulation(seed, "restart"), 3, 300, a, &f)
		r.run()
		courses[i] = r.opened.values
	}
	if !slices.Equal(courses[0], courses[1]) || slices.Equal(courses[0], courses[2]) || len(courses[0]) == 0 {
		t.Errorf("seeds 1, 1 and 2 give\n%v\n%v\n%v", courses[0], courses[1], courses[2])
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-todos", "-1"}, {"-todos", "0"}, {"-writes", "1.1"}, {"-online", "0"}, {"-price-core", "-1"}, {"-peak", "x"}, {"-unknown"}, {"more"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
