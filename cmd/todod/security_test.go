package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryGuaranteeNamesTestsThatExist holds docs/security.md to the tests.
func TestEveryGuaranteeNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	document, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(?:make ([a-z0-9-]+)|([a-z0-9/-]+)\\.((?:Test|Fuzz)\\w+))`")
	tests := make(map[string]map[string]bool) // By folder.
	guarantees, cited := 0, 0
	for line := range strings.Lines(string(document)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.TrimSpace(cells[0]) == "guarantee" {
			continue
		}
		guarantees++
		proofs := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(proofs) == 0 || len(proofs) != strings.Count(cells[len(cells)-1], "`")/2 {
			t.Errorf("a guarantee without a proof, or with one that can't be read: %s", line)
		}
		for _, proof := range proofs {
			cited++
			target, folder, name := proof[1], proof[2], proof[3]
			if target != "" {
				if !regexp.MustCompile(`(?m)^` + target + `:`).Match(makefile) {
					t.Errorf("there is no make target %s", target)
				}
				continue
			}
			if tests[folder] == nil {
				tests[folder] = testsIn(t, filepath.Join(root, filepath.FromSlash(folder)))
			}
			if !tests[folder][name] {
				t.Errorf("%s has no %s", folder, name)
			}
		}
	}
	if guarantees < 30 || cited < guarantees {
		t.Errorf("%d guarantees with %d proofs were read", guarantees, cited)
	}
}

// testsIn returns the tests and fuzz targets of a folder, whatever they are
// built with.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil {
				names[function.Name.Name] = true
			}
		}
	}
	return names
}
