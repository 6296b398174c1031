package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDotenv changes the working directory, so it can't run in parallel.
func TestDotenv(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(dotenvFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("LISTEN_ADDR=:1\nLOG_LEVEL=debug\nJWT_ISSUER=\nJWT_AUDIENCE=a\n")
	settings := required()
	settings["LISTEN_ADDR"], settings["LOG_LEVEL"], settings["JWT_AUDIENCE"] = ":2", " ", `""`
	cfg, err := load(settings)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ListenAddr != ":2" {
		t.Errorf("the environment does not win: %v", cfg.ListenAddr)
	}
	if cfg.LogLevel >= 0 || cfg.JWTAudience != "a" {
		t.Errorf("an empty variable hides the file's: %v, %q", cfg.LogLevel, cfg.JWTAudience)
	}

	// A broken file, one unreadable setting, and one that is wrong, in one round.
	write("canary line\nDATABASE_URL=\"postgres://u:canary@h/d\nJWT_AUDIENCE=a\nJWT_AUDIENCE=b\nLOG_LEVEL=loud\nOTHERS=${canary}\n")
	settings = required()
	delete(settings, "DATABASE_URL")
	_, err = load(settings)
	want := strings.Join([]string{
		"configuration:",
		".env has in line 1 neither NAME=value nor a comment",
		".env has JWT_AUDIENCE twice, again in line 4",
		"DATABASE_URL has a quotation mark that is not closed, or text after the closing one (in .env)",
		"LOG_LEVEL must be debug, info, warn or error",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("a broken file is refused with\n%v\nwant\n%s", err, want)
	}
}

func TestDotenvIsReadAsItsLinesSay(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	for name, test := range map[string]struct{ content, want string }{
		"a dollar sign":                          {"A=pa$5WORD", "pa$5WORD"},
		"a dollar sign in a URL":                 {"A=postgres://u:pa$WORD@h/d?x=y#z", "postgres://u:pa$WORD@h/d?x=y#z"},
		"a dollar sign in quotation marks":       {`A="pa$5WORD"`, "pa$5WORD"},
		"a byte-order mark":                      {bom + "A=a", "a"},
		"a byte-order mark before export":        {bom + "export A=a\r\n", "a"},
		"spaces":                                 {"  A \t=  a b \t", "a b"},
		"Windows' line ends":                     {"B=b\r\nA=a\r\nC=c\r\n", "a"},
		"no line end":                            {"B=b\nA=a", "a"},
		"a comment above":                        {"# A=b\n\n \t\n  # c\nA=a", "a"},
		"a comment behind":                       {"A=a # b", "a"},
		"a comment behind nothing":               {"A= # b", ""},
		"a hash that begins no comment":          {"A=a#b", "a#b"},
		"a hash at once":                         {"A=#b", "#b"},
		"single quotation marks":                 {`A=' a # "$\ ${B} ' # c`, ` a # "$\ ${B} `},
		"double quotation marks":                 {`A=" a # '\"\\\$ \${B} " # c`, ` a # '"\$ ${B} `},
		"a quotation mark inside":                {"A=it's", "it's"},
		"backslashes":                            {`A=a\nb\`, `a\nb\`},
		"an equals sign":                         {"A=a=b", "a=b"},
		"nothing":                                {"A=", ""},
		"nothing, in quotation marks":            {"A=''", ""},
		"a name that begins with export":         {"exported=b\nA=a", "a"},
		"others' lines of several":               {"B=\"-----BEGIN\nx=y\nz\n-----END\" # c\nA=a", "a"},
		"others' quotation mark that stays open": {"B='tis\nA='a'", "a"},
		"others' expansion":                      {"B=${A}\nA=a", "a"},
	} {
		path := filepath.Join(t.TempDir(), dotenvFile)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readDotenv(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := readSetting(file["A"], true); got != test.want || err != nil {
			t.Errorf("%s: read as %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestWhatDotenvCantMeanIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, want string }{
		"another encoding":    {"\xff\xfeA\x00=\x00a\x00", "must be UTF-8 text"},
		"no text":             {"A=\xff", "must be UTF-8 text"},
		"no equals sign":      {"A=a\nB", "line 2"},
		"another format":      {"A: a", "line 1"},
		"no name":             {"=a", "line 1"},
		"a name with a space": {"A B=a", "line 1"},
		"a name twice":        {"A=a\n\nA=b", "A twice, again in line 3"},
		"after several lines": {"B='x\ny'\nC", "line 3"},
	} {
		path := filepath.Join(t.TempDir(), dotenvFile)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readDotenv(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestASettingMeansOneThingByFileAndByEnvironment(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"a":        "a",
		" a b\t":   "a b",
		"pa$5WORD": "pa$5WORD",
		"$(a":      "$(a",
		"a#b":      "a#b",
		`"a"`:      "a",
		`'a $b #'`: "a $b #",
		`"a" # b`:  "a",
		`'${A}'`:   "${A}",
		`"\${A}"`:  "${A}",
		"":         "",
		`""`:       "",
	} {
		for _, isFile := range []bool{true, false} {
			if got, err := readSetting(raw, isFile); got != want || err != nil {
				t.Errorf("%q in a file (%t) is read as %q, %v", raw, isFile, got, err)
			}
		}
	}
	for raw, want := range map[string]string{
		"${A}":    "nothing is expanded",
		"a$(A)b":  "nothing is expanded",
		"${A:-b}": "nothing is expanded",
		`"${A}"`:  "nothing is expanded",
		`"a`:      "not closed",
		`'a' b`:   "after the closing one",
		`"a"#b`:   "after the closing one",
		`"a\n"`:   "backslash",
		"a\nb":    "one line",
		"'a\nb'":  "one line",
		"a\x00b":  "one line",
	} {
		for _, isFile := range []bool{true, false} {
			if got, err := readSetting(raw, isFile); got != "" && err == nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q in a file (%t) is read as %q, %v, want an error with %q", raw, isFile, got, err, want)
			}
		}
	}
	// Docker's --env-file and others keep comments.
	if got, err := readSetting("debug # loud", false); err == nil {
		t.Errorf("a comment in the environment is read as %q", got)
	}
}

func TestAFaultOfASettingHidesNoneOfAnother(t *testing.T) {
	t.Parallel()
	settings := required()
	settings["CORS_ORIGINS"] = "https://a.example/x,null"
	settings["JWKS_CACHE_TTL"], settings["JWKS_MAX_STALE"], settings["SHUTDOWN_DELAY"] = "60", "59", "soon"
	_, err := load(settings)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"configuration:",
		"CORS_ORIGINS must have nothing after host and port: write https://a.example (number 1 of the list)",
		"CORS_ORIGINS must not have null, which is the origin of every sandboxed page and every file (number 2 of the list)",
		"SHUTDOWN_DELAY must be whole seconds from 0 to 2592000",
		"JWKS_MAX_STALE must not be less than JWKS_CACHE_TTL",
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// One that can't be read is at fault once.
	settings = required()
	settings["JWKS_CACHE_TTL"], settings["JWKS_MAX_STALE"] = "90000", "${STALE}"
	if _, err := load(settings); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want one fault: %v", err)
	}
}
