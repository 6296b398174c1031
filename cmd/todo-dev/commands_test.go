//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"example.com/todo-backend/internal/pglocal"
)

// printedCommand is a command as the banner prints it, in one line or several.
var printedCommand = regexp.MustCompile(`(?m)^  (?:database +)?((?:curl|grpcurl|go tool|psql|export) (?:.*\\\n)*.*)$`)

// commands returns the commands that todo-dev has printed, by what is in them.
func (d *dev) commands() []string {
	var all []string
	for _, match := range printedCommand.FindAllStringSubmatch(d.output.text(), -1) {
		all = append(all, match[1])
	}
	return all
}

// command returns the printed command that has a text in it.
func (d *dev) command(t *testing.T, text string) string {
	t.Helper()
	for _, command := range d.commands() {
		if strings.Contains(command, text) {
			return command
		}
	}
	t.Fatalf("no command has %q:\n%s", text, d.output.text())
	return ""
}

// wantedAnswer says what a printed command prints.
type wantedAnswer struct{ command, answer string }

// wantedAnswers says what each printed command prints, in the order of the
// commands. The first is printed where there is a psql.
var wantedAnswers = []wantedAnswer{
	{`^psql `, `Complete me`},
	{`^export TOKEN=\$\(curl -sS localhost:\d+/token\)$`, `^$`},
	{`/api/todos -H "Auth.*"$`, `^\{"todos":\[\{.*"nextPageToken":""\}\n$`},
	{`/api/todos -H .*Buy milk`, `"title":"Buy milk","isCompleted":false.*\}\n$`},
	{`PATCH .*/api/todos/`, `"title":"Complete me","isCompleted":true.*\}\n$`},
	{`^curl -sSN .*/api/todos:watch `, `data: \{"todos":\[\{.*"title":"Complete me".*\n\n$`},
	{`/todo.v1.TodoService/CreateTodo`, `"title":"Buy bread","isCompleted":false.*\}\n$`},
	{`^grpcurl .*/CreateTodo$`, `"title": "Buy tea"`},
}

// checkCommands runs the printed commands backwards, each in a shell of its own
// that has the token, so that none can need another that is printed before it.
func (d *dev) checkCommands(t *testing.T) {
	t.Helper()
	commands, export, wantedAnswers := d.commands(), d.command(t, "export TOKEN="), wantedAnswers
	if _, err := exec.LookPath("psql"); err != nil {
		wantedAnswers = wantedAnswers[1:]
	}
	if strings.Contains(d.output.text(), "and sign up.") { // There is a page, and no command that watches.
		wantedAnswers = slices.DeleteFunc(slices.Clone(wantedAnswers), func(w wantedAnswer) bool { return strings.Contains(w.command, "watch") })
	}
	if len(commands) != len(wantedAnswers) {
		t.Fatalf("%d commands, want %d:\n%s", len(commands), len(wantedAnswers), strings.Join(commands, "\n"))
	}
	for i, command := range slices.Backward(commands) {
		want, got := wantedAnswers[i], paste(t, export+"\n"+command, "SELECT title FROM todo;")
		if !regexp.MustCompile("(?s)" + want.command).MatchString(command) {
			t.Errorf("command %d is not %s:\n%s", i, want.command, command)
		}
		if !regexp.MustCompile("(?s)" + want.answer).MatchString(got) {
			t.Errorf("no %s in the answer to\n%s\nwhich is\n%s", want.answer, command, got)
		}
	}
}

func TestEachPrintedCommandWorksByItself(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	d.checkCommands(t)
	command := strings.Replace(d.command(t, "grpcurl"), "grpcurl", toolGRPCurl, 1)
	if got := pasteIn(t, filepath.Join("..", ".."), d.command(t, "export")+"\n"+command, ""); !strings.Contains(got, "Buy tea") {
		t.Errorf("where grpcurl is not installed, the answer is\n%s", got)
	}
}

// checkScreen checks that a banner is shown as a whole by a terminal of 24 lines
// of 80 columns, with the cursor in the last line. The empty line in front of it
// may have scrolled away.
func checkScreen(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	if len(lines) > 23 {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTheBannerFitsOnOneScreen(t *testing.T) {
	t.Parallel()
	for _, grpcurl := range []string{"grpcurl", toolGRPCurl} {
		b := &banner{
			service:  "http://localhost:18080",
			docs:     "http://localhost:18081/docs/",
			issuer:   "http://localhost:18081",
			token:    "http://localhost:18081/token",
			tokens:   "a token for anybody: /token?user=bob",
			database: "psql 'postgres://todo@127.0.0.1:54321/postgres?sslmode=disable'",
			data:     ".dev/postgres",
			sample:   "5d8e0f2a-7c41-4b6d-9a53-1e0c8b7f6a24",
			grpcurl:  grpcurl,
		}
		checkScreen(t, b.String())
		b.page, b.tokens = "http://localhost:15173", "the token is "+developerEmail+"'s"
		checkScreen(t, b.String())
	}
}

// TestTheReadmeGetsTheTokenAsTheBannerDoes also looks at which ports the
// README's commands expect things at.
func TestTheReadmeGetsTheTokenAsTheBannerDoes(t *testing.T) {
	t.Parallel()
	opts, err := parseOptions([]string{"-todod", os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    " + exportToken(fmt.Sprintf("http://localhost:%d%s", opts.issuerPort, tokenPath)) + "\n",
		fmt.Sprintf("http://localhost:%d/api/todos", opts.port),
		fmt.Sprintf("one of Better Auth's, good for 15 minutes, at port %d", opts.pagePort),
		pglocal.MirrorVariable,
	} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("the README has no %q", want)
		}
	}
}

// TestATokenIsToBeHadForAnybody has somebody else than the banner's user see
// none of the banner's todos.
func TestATokenIsToBeHadForAnybody(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	export := strings.Replace(d.command(t, "export"), "/token", "/token?user=bob", 1)
	list := d.command(t, `/api/todos -H "Authorization: Bearer $TOKEN"`)
	if got := paste(t, export+"\n"+list, ""); got != `{"todos":[],"nextPageToken":""}`+"\n" {
		t.Errorf("bob sees %s", got)
	}
	nobody := "curl -sSw '%{http_code}' '" + d.value(t, "issuer") + "/token?user=%20'"
	if got := paste(t, nobody, ""); !strings.Contains(got, "?user=bob") || !strings.HasSuffix(got, "400") {
		t.Errorf("a token for a blank name: %s", got)
	}
}

func TestThePrintedTokenIsGoodForTwelveHours(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	_, rest, _ := strings.Cut(paste(t, d.command(t, "export TOKEN=")+"\necho $TOKEN", ""), ".")
	encoded, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iat, Exp int64 }
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	if life := claims.Exp - claims.Iat; life != 12*60*60 {
		t.Errorf("it is good for %d s", life)
	}
}

// paste runs a command in a new shell and returns what it prints.
func paste(t *testing.T, command, stdin string) string {
	t.Helper()
	return pasteIn(t, t.TempDir(), command, stdin)
}

// pasteIn runs a command in a new shell in a folder and returns what it prints.
func pasteIn(t *testing.T, dir, command, stdin string) string {
	t.Helper()
	watch, err := os.ReadFile(filepath.Join("..", "todod", "testdata", "watch.sh"))
	if err != nil {
		t.Fatal(err)
	}
	bash := exec.CommandContext(t.Context(), "bash", "-c", string(watch)+command)
	bash.Dir = dir
	bash.Env = append(os.Environ(), "PATH="+programsDir(t)+":"+os.Getenv("PATH"), "TOKEN=")
	bash.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	bash.Stderr = &stderr
	stdout, err := bash.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s\n%s", err, command, stderr.String())
	}
	return string(stdout)
}

func TestTodosAndTokensOutliveARestart(t *testing.T) {
	t.Parallel()
	dir, port := newDir(t), freePorts(t, 2)
	args := []string{"-port", strconv.Itoa(port), "-issuer-port", strconv.Itoa(port + 1)}
	first := startDev(t, dir, args...)
	token := strings.TrimSpace(paste(t, first.command(t, "export")+"\necho $TOKEN", ""))
	create, complete := first.command(t, "Buy milk"), first.command(t, "PATCH")
	list := "export TOKEN=" + token + "\n" + first.command(t, `/api/todos -H "Authorization: Bearer $TOKEN"`)
	paste(t, first.command(t, "export")+"\n"+create, "")
	first.signal(syscall.SIGTERM)
	if code := first.wait(t); code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s", code, first.output.text())
	}

	second := startDev(t, dir, args...)
	if answer := paste(t, list, ""); !strings.Contains(answer, `"Buy milk"`) {
		t.Errorf("the todo of the first run is not in %s", answer)
	}
	if got := second.command(t, "PATCH"); got != complete {
		t.Errorf("the second run has made another sample:\n%s\nthan\n%s", got, complete)
	}
}
