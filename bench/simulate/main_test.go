package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// printed returns what the program prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var stdout strings.Builder
	if err := run(args, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	return stdout.String()
}

// TestTheDocumentShowsWhatIsPrinted also shows that the same seed gives the same output.
func TestTheDocumentShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "scaling.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	for _, part := range strings.Split(strings.TrimSpace(printed(t, "-seed", "1")), "### ")[1:] {
		heading, table, _ := strings.Cut(strings.TrimSpace(part), "\n\n")
		if !strings.Contains(document, table+"\n") {
			t.Errorf("docs/scaling.md does not show the table %q as it is printed:\n%s", heading, table)
		}
	}
}

func TestAnotherSeedGivesOtherNumbers(t *testing.T) {
	t.Parallel()
	a, f := usualAssumptions(), measured()
	var texts [3]strings.Builder
	for i, seed := range []uint64{1, 1, 2} {
		if err := watchersTable(seed, a, &f).write(&texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if texts[0].String() != texts[1].String() || texts[0].String() == texts[2].String() {
		t.Errorf("seeds 1, 1 and 2 give\n%s\n%s\n%s", &texts[0], &texts[1], &texts[2])
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-todos", "-1"}, {"-todos", "0"}, {"-writes", "1.1"}, {"-online", "0"}, {"-peak", "x"}, {"-unknown"}, {"more"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
