//go:build image && linux

package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestAContainerMigratesServesAndDrains(t *testing.T) {
	t.Parallel()
	t.Run("as buildah runs it", func(t *testing.T) {
		t.Parallel()
		checkContainer(t, buildahRun, nil)
	})
	t.Run("as process 1, read-only, without capabilities", func(t *testing.T) {
		t.Parallel()
		checkContainer(t, hardened, checkConfined)
	})
}

// checkContainer goes through a container's life. While it serves, check looks at todod's
// process, whose ID in here it is given.
func checkContainer(t *testing.T, newEngine func(*testing.T, *build, string) runtimeEngine, check func(*testing.T, int)) {
	t.Helper()
	server, certificates := startDatabase(t)
	engine := newEngine(t, theBuild(t), certificates)
	databaseURL := func(parameters string) string {
		return fmt.Sprintf("DATABASE_URL=postgres://todo@127.0.0.1:%d/secure?sslmode=verify-full%s", server.Port(), parameters)
	}
	ours := databaseURL("&sslrootcert=" + caFolder + "/ca.pem")

	if code, printed := engine.run(t, nil, "version"); code != 0 || printed != testVersion+"\n" {
		t.Fatalf("version: %d %s", code, printed)
	}
	// The next one would pass as well if nothing were verified.
	if code, printed := engine.run(t, []string{databaseURL("&sslrootcert=" + caFolder + "/other.pem")}, "migrate"); code != 1 ||
		!strings.Contains(printed, "certificate signed by unknown authority") {
		t.Errorf("migrate with another authority: %d %s", code, printed)
	}
	if code, printed := engine.run(t, []string{ours}, "migrate"); code != 0 {
		t.Fatalf("migrate: %d %s", code, printed)
	}

	issuer := authtest.Start(t)
	c := engine.start(t, []string{
		ours,
		"BETTER_AUTH_URL=" + issuer.Origin(),
		"CORS_ORIGINS=https://app.example.com",
		"LISTEN_ADDR=127.0.0.1:0",
		"TZ=Asia/Kathmandu",
	}, "serve")
	serving := c.wait(t, "serving")
	if when := fmt.Sprint(serving["time"]); !strings.HasSuffix(when, "+05:45") {
		t.Errorf("the time of a line in Nepal is %s", when)
	}
	address := fmt.Sprint(serving["addr"])
	checkUser(t, c.todod(t))
	if check != nil {
		check(t, c.todod(t))
	}
	createTodo(t, address, issuer.Token("u"))
	if encrypted := pgtest.QueryText(t, pgtest.Connect(t, server.URL()), `
		SELECT DISTINCT ssl::text
		FROM   pg_stat_ssl JOIN pg_stat_activity USING (pid)
		WHERE  datname = 'secure'`); encrypted != "true" {
		t.Errorf("connections are encrypted: %s", encrypted)
	}

	// As `docker exec` does.
	if code, printed := engine.run(t, []string{"LISTEN_ADDR=" + address}, "healthcheck"); code != 0 || printed != "ready\n" {
		t.Errorf("healthcheck: %d %s", code, printed)
	}
	if err := syscall.Kill(c.todod(t), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "drained")
	if code, printed := c.ended(t); code != 0 {
		t.Errorf("after SIGTERM it ended with %d: %s", code, printed)
	}
	if code, _ := engine.run(t, []string{"LISTEN_ADDR=" + address}, "healthcheck"); code != 1 {
		t.Errorf("healthcheck of what has ended: %d", code)
	}
}

// The image has no roots of its own. The binary's are used, and those of a mounted file
// before them.
func TestRootsAreThereWithoutAFile(t *testing.T) {
	t.Parallel()
	server, certificates := startDatabase(t)
	engine := hardened(t, theBuild(t), certificates)
	url := fmt.Sprintf("DATABASE_URL=postgres://todo@127.0.0.1:%d/secure?sslmode=verify-full", server.Port())
	// A root file that can't be read has Go report that there are no roots at all, unless
	// the binary has some.
	code, printed := engine.run(t, []string{url, "SSL_CERT_FILE=/", "SSL_CERT_DIR=/nowhere"}, "migrate")
	if code != 1 || !strings.Contains(printed, "certificate signed by unknown authority") {
		t.Errorf("migrate with the binary's roots: %d %s", code, printed)
	}
	if code, printed := engine.run(t, []string{url, "SSL_CERT_FILE=" + caFolder + "/ca.pem"}, "migrate"); code != 0 {
		t.Errorf("migrate with roots in a file: %d %s", code, printed)
	}
}

// checkUser checks that a process is the image's user in all respects, and may do no
// more than others.
func checkUser(t *testing.T, id int) {
	t.Helper()
	for _, name := range []string{"Uid", "Gid"} {
		if got := status(t, id, name); got != "65532 65532 65532 65532" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if got := status(t, id, name); got != "0000000000000000" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// checkConfined checks what buildah can't confine: the kernel lets nobody write to the
// container's root, not even root, and todod is process 1.
func checkConfined(t *testing.T, id int) {
	t.Helper()
	root := fmt.Sprintf("/proc/%d/root", id)
	if _, err := os.Stat(filepath.Join(root, "todod")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "written"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("its root can be written to: %v", err)
	}
	if got := status(t, id, "NoNewPrivs"); got != "1" {
		t.Errorf("NoNewPrivs: %s", got)
	}
	if namespaces := strings.Fields(status(t, id, "NSpid")); namespaces[len(namespaces)-1] != "1" {
		t.Errorf("it is process %v", namespaces)
	}
}

// createTodo makes a todo over REST.
func createTodo(t *testing.T, address, token string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/api/todos", strings.NewReader(`{"title":"Buy milk"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var created struct{ ID, Title string }
	if err := json.NewDecoder(res.Body).Decode(&created); err != nil || res.StatusCode != http.StatusOK || created.Title != "Buy milk" {
		t.Errorf("a create: %d %+v %v", res.StatusCode, created, err)
	}
}
