//go:build linux

package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/todo-backend/internal/connstring"
)

// The structs of cmd/todod/config.go.
const (
	serveSettings   = "serveConfig"
	migrateSettings = "migrateConfig"
)

// goSettings are variables that Go's runtime reads.
var goSettings = []string{"GOMEMLIMIT", "GOGC", "GOMAXPROCS"}

// settings are those that a command reads: whether each is required, by name.
type settings map[string]bool

// settingsOf reads a struct of cmd/todod/config.go, which other programs can't import.
func settingsOf(t *testing.T, name string) settings {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), repository(t, "cmd", "todod", "config.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := make(settings)
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			typed, ok := spec.(*ast.TypeSpec)
			if !ok || typed.Name.Name != name {
				continue
			}
			fields, ok := typed.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range fields.Fields.List {
				if field.Tag == nil {
					continue
				}
				tag, err := strconv.Unquote(field.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				variable, options, _ := strings.Cut(reflect.StructTag(tag).Get("env"), ",")
				found[variable] = options == "required"
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no settings in %s of cmd/todod/config.go", name)
	}
	return found
}

// faults returns what is wrong with an environment of the command.
func (s settings) faults(environment map[string]string) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if _, known := s[name]; !known && !slices.Contains(goSettings, name) {
			faults = append(faults, name+" is no setting")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if s[name] && environment[name] == "" {
			faults = append(faults, name+" is missing")
		}
	}
	for _, name := range []string{"DATABASE_URL", "DATABASE_DIRECT_URL"} {
		if url := environment[name]; url != "" {
			if err := connstring.Check(url); err != nil {
				faults = append(faults, name+" "+err.Error())
			}
		}
	}
	return faults
}

// check fails the test for each fault of an environment.
func (s settings) check(t *testing.T, where string, environment map[string]string) {
	t.Helper()
	for _, fault := range s.faults(environment) {
		t.Errorf("%s: %s", where, fault)
	}
}

// variables reads the lines NAME=value of a file.
func variables(t *testing.T, content string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("not NAME=value: %q", line)
		}
		found[name] = strings.Trim(value, `"`)
	}
	return found
}

func TestAnUnknownOrMissingSettingIsFound(t *testing.T) {
	good := map[string]string{
		"DATABASE_URL": "postgres://a:b@c/d", "BETTER_AUTH_URL": "http://auth:3000", "CORS_ORIGINS": "http://page", "GOMEMLIMIT": "1MiB",
	}
	serve := settingsOf(t, serveSettings)
	if faults := serve.faults(good); len(faults) > 0 {
		t.Fatalf("faults of a good environment: %q", faults)
	}
	for name, broken := range map[string]map[string]string{
		"CORS_ORIGIN is no setting":      {"CORS_ORIGIN": "http://page"},
		"BETTER_AUTH_URL is missing":     {"BETTER_AUTH_URL": ""},
		"DATABASE_URL must begin with":   {"DATABASE_URL": "mysql://a:b@c/d"},
		"DATABASE_URL has the parameter": {"DATABASE_URL": "postgres://a:b@c/d?sslmod=verify-full"},
	} {
		environment := maps.Clone(good)
		maps.Copy(environment, broken)
		if faults := serve.faults(environment); len(faults) != 1 || !strings.HasPrefix(faults[0], name) {
			t.Errorf("faults %q, want one that begins with %q", faults, name)
		}
	}
}
