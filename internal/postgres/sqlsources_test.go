package postgres_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sourceText is a text of the package's sources, put together of its constants.
type sourceText struct {
	file     string // Its path.
	source   []byte // The file.
	position token.Position
	end      int    // Where its expression ends; it begins at the position.
	function string // The function that has it, or "outside of functions".
	text     string
	constant string // The name of the constant that it is the value of; may be "".
	uses     []string
	// isRunTime says that the text is put together of more than constants; it is
	// then what is known of it.
	isRunTime bool
}

// sourceTexts returns the texts of the package in a folder, but for its tests.
func sourceTexts(t *testing.T, folder string) []sourceText {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	// What is imported is not looked at: constants that go into SQL are the
	// package's own, and what isn't known shows in isRunTime.
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	config := types.Config{Importer: emptyPackages{}, Error: func(error) {}}
	_, _ = config.Check(folder, set, files, info)
	var texts []sourceText
	for _, file := range files {
		texts = append(texts, textsOf(t, set, file, info)...)
	}
	return texts
}

// emptyPackages imports every package as one without anything in it.
type emptyPackages struct{}

func (emptyPackages) Import(name string) (*types.Package, error) {
	pkg := types.NewPackage(name, path.Base(name))
	pkg.MarkComplete()
	return pkg, nil
}

// textsOf returns the texts of a file.
func textsOf(t *testing.T, set *token.FileSet, file *ast.File, info *types.Info) []sourceText {
	t.Helper()
	name := set.Position(file.Pos()).Filename
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if name, err = filepath.Abs(name); err != nil {
		t.Fatal(err)
	}
	constants := constantNames(file)
	var texts []sourceText
	for _, declaration := range file.Decls {
		function := "outside of functions"
		if f, ok := declaration.(*ast.FuncDecl); ok {
			function = f.Name.Name
		}
		ast.Inspect(declaration, func(node ast.Node) bool {
			expression, ok := node.(ast.Expr)
			if !ok {
				return true
			}
			text, isRunTime, ok := textOf(expression, info)
			if !ok {
				return true
			}
			texts = append(texts, sourceText{
				file: name, source: source, function: function, text: text, isRunTime: isRunTime,
				position: set.Position(expression.Pos()), end: set.Position(expression.End()).Offset,
				constant: constants[expression], uses: identifiers(expression),
			})
			return false
		})
	}
	return texts
}

// constantNames returns the names of a file's constants, by their values.
func constantNames(file *ast.File) map[ast.Expr]string {
	names := make(map[ast.Expr]string)
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			for i, value := range spec.Values {
				names[value] = spec.Names[i].Name
			}
		}
		return true
	})
	return names
}

func identifiers(expression ast.Expr) []string {
	var names []string
	ast.Inspect(expression, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok {
			names = append(names, name.Name)
		}
		return true
	})
	return names
}

// textOf returns the text that an expression is: a constant one, or what is known
// of one that is put together at run time.
func textOf(expression ast.Expr, info *types.Info) (text string, isRunTime, ok bool) {
	if value := info.Types[expression].Value; value != nil {
		if value.Kind() != constant.String {
			return "", false, false
		}
		return constant.StringVal(value), false, true
	}
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false, false
		}
		text, err := strconv.Unquote(e.Value)
		return text, false, err == nil
	case *ast.ParenExpr:
		return textOf(e.X, info)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false, false
		}
		left, _, isLeft := textOf(e.X, info)
		right, _, isRight := textOf(e.Y, info)
		return left + right, true, isLeft || isRight
	}
	return "", false, false
}

// TestTextsAreFoundHoweverTheyAreWritten is about the ways in which the package
// may come to write its SQL.
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
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
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
	texts := sourceTexts(t, folder)
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
