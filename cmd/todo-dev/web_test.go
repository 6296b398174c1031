//go:build web && unix

// These tests need Node.js, the packages of the folder web and the built page.
// make e2e provides all that and runs them, by the Web in their names.

package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// startWeb starts todo-dev with Better Auth and the page, and waits for its
// banner.
func startWeb(t *testing.T, dir string, args ...string) *dev {
	t.Helper()
	all := []string{"-web", filepath.Join("..", "..", "web"), "-port", "0", "-issuer-port", "0", "-page-port", "0"}
	return startDev(t, dir, append(all, args...)...)
}

// pageURL returns where the banner says that the page is.
func (d *dev) pageURL(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^Open (http://localhost:\d+) and sign up\.$`).FindStringSubmatch(d.output.text())
	if match == nil {
		t.Fatalf("the banner names no page:\n%s", d.output.text())
	}
	return match[1]
}

// browser does what a browser does for the page: it keeps cookies, names its
// origin, and keeps answers from the page that don't allow it.
type browser struct {
	http   *http.Client
	origin string
}

// newBrowser returns a browser without cookies, for a page of the origin.
func newBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return &browser{http: client, origin: origin}
}

// webAnswer is an answer that is read.
type webAnswer struct {
	status int
	header http.Header
	body   string
}

// do sends a request of the page's.
func (b *browser) do(t *testing.T, method, url string, header http.Header, body string) webAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Origin", b.origin)
	res, err := b.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return webAnswer{res.StatusCode, res.Header, string(text)}
}

// call sends a request that has to succeed and to be readable by the page, and
// decodes its answer.
func (b *browser) call(t *testing.T, method, url, token, body string, answer any) {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	res := b.do(t, method, url, header, body)
	if res.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, url, res.status, res.body)
	}
	if got := res.header.Get("Access-Control-Allow-Origin"); got != b.origin {
		t.Errorf("%s %s: the page at %s can't read the answer, only %q can", method, url, b.origin, got)
	}
	if err := json.Unmarshal([]byte(res.body), answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, url, err, res.body)
	}
}

// config returns what the page reads at its start.
func (b *browser) config(t *testing.T) pageConfig {
	t.Helper()
	res := b.do(t, http.MethodGet, b.origin+"/config.json", nil, "")
	var config pageConfig
	if err := json.Unmarshal([]byte(res.body), &config); err != nil {
		t.Fatalf("config.json: %d %v: %s", res.status, err, res.body)
	}
	return config
}

// signUp makes an account and returns an access token of it.
func (b *browser) signUp(t *testing.T, issuer, email string) string {
	t.Helper()
	var signedUp struct{ User struct{ Email string } }
	b.call(t, http.MethodPost, issuer+"/api/auth/sign-up/email", "",
		`{"name": "Test", "email": "`+email+`", "password": "correct horse"}`, &signedUp)
	if signedUp.User.Email != email {
		t.Errorf("signed up as %q, want %q", signedUp.User.Email, email)
	}
	return b.token(t, issuer)
}

// token returns an access token of who is signed in.
func (b *browser) token(t *testing.T, issuer string) string {
	t.Helper()
	var answer struct{ Token string }
	b.call(t, http.MethodGet, issuer+"/api/auth/token", "", "", &answer)
	return answer.Token
}

func TestWebUserSignsUpAndWorksAsThePageDoes(t *testing.T) {
	t.Parallel()
	d := startWeb(t, newDir(t))
	b := newBrowser(t, d.pageURL(t))

	html := b.do(t, http.MethodGet, b.origin+"/", nil, "").body
	script := regexp.MustCompile(`src="(/assets/[^"]+\.js)"`).FindStringSubmatch(html)
	if script == nil {
		t.Fatalf("the page has no script:\n%s", html)
	}
	if status := b.do(t, http.MethodGet, b.origin+script[1], nil, "").status; status != http.StatusOK {
		t.Errorf("the page's script: %d", status)
	}
	config := b.config(t)
	if want := (pageConfig{APIURL: d.value(t, "service"), AuthURL: d.value(t, "issuer")}); config != want {
		t.Fatalf("the page is sent to %v, but they are %v", config, want)
	}

	token := b.signUp(t, config.AuthURL, "dora@example.com")
	method := config.APIURL + "/todo.v1.TodoService/"
	var todo struct {
		ID, Title   string
		IsCompleted bool
	}
	b.call(t, http.MethodPost, method+"CreateTodo", token, `{"title": "Buy milk"}`, &todo)
	id := `"id": "` + todo.ID + `"`
	b.call(t, http.MethodPost, method+"GetTodo", token, "{"+id+"}", &todo)
	if todo.Title != "Buy milk" {
		t.Errorf("the todo is %q", todo.Title)
	}
	b.call(t, http.MethodPost, method+"UpdateTodo", token, "{"+id+`, "isCompleted": true}`, &todo)
	if !todo.IsCompleted {
		t.Error("the todo is not completed")
	}
	var list struct{ Todos []struct{ ID string } }
	b.call(t, http.MethodPost, method+"ListTodos", token, "{}", &list)
	if len(list.Todos) != 1 || list.Todos[0].ID != todo.ID {
		t.Errorf("the list is %v", list.Todos)
	}
	b.call(t, http.MethodPost, method+"DeleteTodo", token, "{"+id+"}", &struct{}{})
	b.call(t, http.MethodPost, method+"ListTodos", token, "{}", &list)
	if len(list.Todos) != 0 {
		t.Errorf("after the deletion the list is %v", list.Todos)
	}
}

func TestWebServersLetThePageInAndThoseOfTheUsualToolsAndNoOther(t *testing.T) {
	t.Parallel()
	d := startWeb(t, newDir(t))
	page := d.pageURL(t)
	for name, test := range map[string]struct{ url, header string }{
		"the service": {d.value(t, "service") + "/todo.v1.TodoService/ListTodos", "authorization,content-type"},
		"the issuer":  {d.value(t, "issuer") + "/api/auth/sign-in/email", "content-type"},
	} {
		allowed := map[string]string{page: page, "http://localhost:1": "", "https://localhost:3000": ""}
		for _, usual := range []string{"http://localhost:3000", "http://127.0.0.1:5173", "http://localhost:8080"} {
			allowed[usual] = usual
		}
		for origin, want := range allowed {
			b := newBrowser(t, origin)
			res := b.do(t, http.MethodOptions, test.url, http.Header{
				"Access-Control-Request-Method":  {http.MethodPost},
				"Access-Control-Request-Headers": {test.header},
			}, "")
			if got := res.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s allows %q to a page at %s, want %q", name, got, origin, want)
			}
		}
	}
}

func TestWebCommandsWorkAsPrinted(t *testing.T) {
	t.Parallel()
	d := startWeb(t, newDir(t))
	d.checkCommands(t)
	if _, err := exec.LookPath("psql"); err != nil {
		return // Nothing to look into the database with.
	}
	owner := paste(t, d.value(t, "database"), `SELECT DISTINCT email FROM todo JOIN "user" ON todo.user_id = "user".id;`)
	if !strings.Contains(owner, developerEmail) {
		t.Errorf("the todos' owner is\n%s", owner)
	}
}

func TestWebUsersAndSessionsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir, port := newDir(t), freePorts(t, 3)
	args := []string{"-port", strconv.Itoa(port), "-issuer-port", strconv.Itoa(port + 1), "-page-port", strconv.Itoa(port + 2)}
	first := startWeb(t, dir, args...)
	b := newBrowser(t, first.pageURL(t))
	issuer, service := first.value(t, "issuer"), first.value(t, "service")
	old := b.signUp(t, issuer, "emil@example.com")
	complete := first.command(t, "PATCH")
	first.signal(syscall.SIGTERM)
	if code := first.wait(t); code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s", code, first.output.text())
	}

	second := startWeb(t, dir, args...)
	if got := second.command(t, "PATCH"); got != complete {
		t.Errorf("the developer has become somebody else: the sample is\n%s\nand was\n%s", got, complete)
	}
	for _, token := range []string{old, b.token(t, issuer)} {
		var list struct{ Todos []struct{ ID string } }
		b.call(t, http.MethodGet, service+"/api/todos", token, "", &list)
	}
}

// webParts returns the processes of the parts that are processes.
func (d *dev) webParts(t *testing.T) map[string]int {
	t.Helper()
	todod, postgres := d.children(t)
	return map[string]int{
		"Better Auth": readPID(t, filepath.Join(d.dir, betterAuthPIDFile)),
		"todod":       todod,
		"PostgreSQL":  postgres,
	}
}

func TestWebEndsPageIssuerAndServiceInTheirTurn(t *testing.T) {
	t.Parallel()
	d := startWeb(t, newDir(t))
	parts := d.webParts(t)
	d.signal(syscall.SIGINT)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, d.output.text())
	}
	log := d.output.text()
	drained, asked := strings.Index(log, `"msg":"drained"`), strings.Index(log, "auth: SIGTERM")
	if drained < 0 || asked < drained {
		t.Errorf("the service was not drained before the issuer was asked to end:\n%s", log)
	}
	for name, pid := range parts {
		waitForEnd(t, name, pid)
	}
	for _, file := range []string{tododPIDFile, betterAuthPIDFile} {
		if _, err := os.Stat(filepath.Join(d.dir, file)); err == nil {
			t.Errorf("%s stays", file)
		}
	}
}

func TestWebTakesEverythingAlongWhenKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux sends a signal when a parent dies")
	}
	d := startWeb(t, newDir(t))
	parts := d.webParts(t)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range parts {
		waitForEnd(t, name, pid)
	}
}

func TestWebEndsWhenBetterAuthDies(t *testing.T) {
	t.Parallel()
	d := startWeb(t, newDir(t))
	parts := d.webParts(t)
	if err := syscall.Kill(parts["Better Auth"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := d.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if text := d.output.text(); !strings.Contains(text, "todo-dev: Better Auth has ended by itself: signal: killed") {
		t.Errorf("the cause is not in\n%s", text)
	}
	for name, pid := range parts {
		waitForEnd(t, name, pid)
	}
}
