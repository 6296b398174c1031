package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackageWithTestsLooksForLeaks wants goleak in the TestMain of each, in
// every module of the repository.
func TestEveryPackageWithTestsLooksForLeaks(t *testing.T) {
	t.Parallel()
	exempt := map[string]string{
		"tools/openapi": "a program of one goroutine, whose module is for what it imports",
	}
	root := filepath.Join("..", "..")
	looks := make(map[string]bool) // By folder, of those with tests.
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" || entry.Name() == ".git"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		found, err := usesGoleak(path)
		looks[filepath.ToSlash(folder)] = looks[filepath.ToSlash(folder)] || found
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, does := range looks {
		if reason := exempt[folder]; does == (reason != "") {
			t.Errorf("%s: its TestMain uses goleak: %t; a reason why not: %q", folder, does, reason)
		}
	}
	if len(looks) < 15 {
		t.Errorf("%d packages with tests were found", len(looks))
	}
}

// usesGoleak reports whether a file has a TestMain that uses goleak.
func usesGoleak(path string) (uses bool, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return false, err
	}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Name.Name != "TestMain" {
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				name, ok := selector.X.(*ast.Ident)
				uses = uses || ok && name.Name == "goleak"
			}
			return true
		})
	}
	return uses, nil
}
