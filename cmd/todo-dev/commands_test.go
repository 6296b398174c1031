//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// printedCommand is a command as the banner prints it.
var printedCommand = regexp.MustCompile(`(?m)^  (?:database +)?((?:curl|grpcurl|go tool|psql|export) .*)$`)

// commands returns the commands that todo-dev has printed, in order.
func (d *dev) commands() []string {
	var all []string
	for _, match := range printedCommand.FindAllStringSubmatch(d.output.text(), -1) {
		all = append(all, match[1])
	}
	return all
}

// wantedAnswers says what each printed command prints, in the order of the
// commands.
var wantedAnswers = []struct{ command, answer string }{
	{`/api/todos .*Buy milk`, `"title":"Buy milk","description":"2 litres","isCompleted":false`},
	{`/api/todos/`, `"title":"Complete me over REST"`},
	{`/api/todos\?pageSize=`, `"todos":\[\{.*"nextPageToken":""`},
	{`PATCH .*/api/todos/`, `"title":"Complete me over REST","isCompleted":true`},
	{`DELETE .*/api/todos/`, `^\{\}$`},

	{`/todo.v1.TodoService/CreateTodo`, `"title":"Buy bread","isCompleted":false`},
	{`/todo.v1.TodoService/GetTodo`, `"title":"Complete me over Connect"`},
	{`/todo.v1.TodoService/ListTodos`, `"todos":\[\{.*"nextPageToken":""`},
	{`/todo.v1.TodoService/UpdateTodo`, `"title":"Complete me over Connect","isCompleted":true`},
	{`/todo.v1.TodoService/DeleteTodo`, `^\{\}$`},

	{`^grpcurl .* list$`, `(?m)^todo.v1.TodoService$`},
	{`^grpcurl .*/CreateTodo$`, `"title": "Buy tea"`},
	{`^grpcurl .*/GetTodo$`, `"title": "Complete me over gRPC"`},
	{`^grpcurl .*/ListTodos$`, `"title": "Complete me over`},
	{`^grpcurl .*/UpdateTodo$`, `"title": "Complete me over gRPC",\s*"isCompleted": true`},
	{`^grpcurl .*/DeleteTodo$`, `^\{\s*\}$`},

	{`^export TOKEN=`, `^$`},
	{`/api/auth/token\?user=bob'$`, `^\{"token":"[^"]+"\}$`},
	{`/api/todos .*user=bob`, `^\{"todos":\[\],"nextPageToken":""\}$`},
	{`^psql `, `Complete me over REST`},
}

// TestEachPrintedCommandWorksByItself runs them backwards, each in a shell of
// its own, so that none can need another that is printed before it.
func TestEachPrintedCommandWorksByItself(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	commands := d.commands()
	if len(commands) != len(wantedAnswers) {
		t.Fatalf("%d commands, want %d:\n%s", len(commands), len(wantedAnswers), strings.Join(commands, "\n"))
	}
	for i, command := range slices.Backward(commands) {
		want, got := wantedAnswers[i], paste(t, command, "SELECT title FROM todo;")
		if !regexp.MustCompile(want.command).MatchString(command) {
			t.Errorf("command %d is not %s:\n%s", i, want.command, command)
		}
		if !regexp.MustCompile(want.answer).MatchString(got) {
			t.Errorf("no %s in the answer to\n%s\nwhich is\n%s", want.answer, command, got)
		}
	}
}

func TestThePrintedTokenIsGoodForTwelveHours(t *testing.T) {
	t.Parallel()
	d := startDev(t, newDir(t), "-port", "0", "-issuer-port", "0")
	_, rest, _ := strings.Cut(d.value(t, "export"), ".")
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
	bash := exec.CommandContext(t.Context(), "bash", "-c", command)
	bash.Dir = t.TempDir()
	bash.Env = []string{"PATH=" + programsDir(t) + ":" + os.Getenv("PATH"), "HOME=" + bash.Dir}
	bash.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	bash.Stderr = &stderr
	stdout, err := bash.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s\n%s", err, command, stderr.String())
	}
	return strings.TrimSpace(string(stdout))
}

func TestTodosAndTokensOutliveARestart(t *testing.T) {
	t.Parallel()
	dir, port := newDir(t), freePorts(t, 2)
	args := []string{"-port", strconv.Itoa(port), "-issuer-port", strconv.Itoa(port + 1)}
	first := startDev(t, dir, args...)
	before := first.commands()
	create, get, list, remove := before[0], before[1], before[2], before[4]
	paste(t, create, "")
	paste(t, remove, "")
	first.signal(syscall.SIGTERM)
	if code := first.wait(t); code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s", code, first.output.text())
	}

	second := startDev(t, dir, args...)
	if answer := paste(t, list, ""); !strings.Contains(answer, `"Buy milk"`) {
		t.Errorf("the todo of the first run is not in %s", answer)
	}
	if answer := paste(t, get, ""); !strings.Contains(answer, `"Complete me over REST"`) {
		t.Errorf("the sample of the first run is gone: %s", answer)
	}
	if answer := paste(t, remove, ""); !strings.Contains(answer, `"not_found"`) {
		t.Errorf("what was deleted in the first run is back: %s", answer)
	}
	after := second.commands()
	if answer := paste(t, after[4], ""); answer != "{}" {
		t.Errorf("the second run has nothing to delete: %s", answer)
	}
	if got, want := urlOf(after[1]), urlOf(before[1]); got != want {
		t.Errorf("the second run has made another sample, %s, than %s", got, want)
	}
}

// urlOf returns the first URL in a command.
func urlOf(command string) string { return regexp.MustCompile(`http://[^ ']+`).FindString(command) }
