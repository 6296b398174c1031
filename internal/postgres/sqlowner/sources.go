package sqlowner

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
func sourceTexts(folder string) ([]sourceText, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
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
		found, err := textsOf(set, file, info)
		if err != nil {
			return nil, err
		}
		texts = append(texts, found...)
	}
	return texts, nil
}

// emptyPackages imports every package as one without anything in it.
type emptyPackages struct{}

func (emptyPackages) Import(name string) (*types.Package, error) {
	pkg := types.NewPackage(name, path.Base(name))
	pkg.MarkComplete()
	return pkg, nil
}

// textsOf returns the texts of a file.
func textsOf(set *token.FileSet, file *ast.File, info *types.Info) ([]sourceText, error) {
	name := set.Position(file.Pos()).Filename
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if name, err = filepath.Abs(name); err != nil {
		return nil, err
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
	return texts, nil
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
