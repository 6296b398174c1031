package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHelpIsPrintedAndNothingStarted(t *testing.T) {
	t.Parallel()
	var stdout strings.Builder
	err := run(t.Context(), []string{"-h"}, func(string) string { return "" }, &stdout)
	if err != nil || stdout.String() != usage {
		t.Errorf("run: %v, and %q", err, stdout.String())
	}
}

func TestAWrongCommandLineIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dev")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a flag that is not there":    {[]string{"-database", "x"}, "usage:"},
		"an argument":                 {[]string{"serve"}, `unexpected argument "serve"`},
		"a port that is too high":     {[]string{"-issuer-port", "65536"}, "65536"},
		"a program that is not built": {[]string{"-todod", dir}, "make build"},
		"a web folder that is none":   {[]string{"-todod", self, "-web", t.TempDir()}, "with -web"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-dir", dir}, test.args...)
			err := run(t.Context(), args, func(string) string { return "" }, new(strings.Builder))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("run: %v, want %q in it", err, test.want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the folder is made")
			}
		})
	}
}
