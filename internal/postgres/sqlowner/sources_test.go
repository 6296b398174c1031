package sqlowner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writePackage returns a folder with a package of one file.
func writePackage(t *testing.T, source string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestTextsAreFoundHoweverTheyAreWritten is about the ways in which a package may
// come to write its SQL.
func TestTextsAreFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	const source = `package p

import "example.com/database"

const columns, other = "a, b", 7

const whole = "SELECT " + columns + " FROM todo"

func f(name string) {
	const local = "c"
	run(database.Statement{Name: "n", SQL: ` + "`x " + "`" + ` + (columns) + local})
	run("y " + name + columns)
	var q = unknown.Text + "z"
	_, _, _ = q, other, 'r'
}
`
	type found struct {
		text, function, constant string
		isRunTime                bool
	}
	const outside = "outside of functions"
	want := []found{
		{"example.com/database", outside, "", false},
		{"a, b", outside, "columns", false},
		{"SELECT a, b FROM todo", outside, "whole", false},
		{"c", "f", "local", false},
		{"n", "f", "", false},
		{"x a, bc", "f", "", false},
		{"y a, b", "f", "", true},
		{"z", "f", "q", true},
	}
	texts, err := sourceTexts(writePackage(t, source))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		got := found{text.text, text.function, text.constant, text.isRunTime}
		if i >= len(want) || got != want[i] {
			t.Errorf("text %d is %+v", i, got)
		}
		if before := string(text.source[text.position.Offset:text.end]); strings.TrimSpace(before) != before || before == "" {
			t.Errorf("text %d is in the source as %q", i, before)
		}
	}
	if len(texts) != len(want) {
		t.Errorf("%d texts, want %d", len(texts), len(want))
	}
}
