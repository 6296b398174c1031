package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestOutputKeepsTheLastWholeLinesUntilItIsPassedOn(t *testing.T) {
	t.Parallel()
	var o output
	for i := range 1000 {
		fmt.Fprintf(&o, "line %d\n", i)
	}
	lines := strings.Split(o.tail(), "\n")
	if lines[len(lines)-1] != "line 999" || len(lines) < 100 || len(o.tail()) > maxKept {
		t.Errorf("kept %d bytes, the last line is %q", len(o.tail()), lines[len(lines)-1])
	}
	if !strings.HasPrefix(lines[0], "line ") {
		t.Errorf("the first line is cut: %q", lines[0])
	}

	var rest strings.Builder
	o.passOn(&rest)
	fmt.Fprintln(&o, "more")
	if rest.String() != "more\n" || o.tail() != "" {
		t.Errorf("passed on %q, kept %q", rest.String(), o.tail())
	}
}
