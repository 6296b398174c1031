package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

const (
	testOrigin = "https://app.example.com"
	// patience bounds every wait of these tests. It is no measure of speed.
	patience = 30 * time.Second
)

// issuerKey is the key of every test's issuer: making one takes longer than most
// tests.
var issuerKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// childVariable has the tests' program be todod, as a child process of theirs.
const childVariable = "TODOD_TEST_CHILD"

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(pgtest.Tests{M: m})
}

// service is todod as main runs it, with an issuer and a database of its own.
type service struct {
	url    string
	issuer *authtest.Issuer
	logs   *logs
	http   *http.Client
	stop   context.CancelFunc // What SIGTERM does.
	done   <-chan error       // What run returned.
}

// start runs `todod serve` on a free port until the test ends. Settings
// override those it would run with.
func start(t *testing.T, settings map[string]string) *service {
	t.Helper()
	issuer, environment := surroundings(t, settings)
	ctx, stop := context.WithCancel(context.Background())
	logs := newLogs()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"serve"}, func(name string) string { return environment[name] }, logs)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err, first := <-done:
			if first && err != nil {
				t.Errorf("todod ended: %v", err)
			}
		case <-time.After(patience):
			t.Error("todod did not end")
		}
	})
	serving := logs.wait(t, func(line logLine) bool { return line["msg"] == "serving" }, done)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return &service{
		http:   &http.Client{Transport: transport, Timeout: patience},
		url:    fmt.Sprint("http://", serving["addr"]),
		issuer: issuer,
		logs:   logs,
		stop:   stop,
		done:   done,
	}
}

// surroundings returns an issuer, and an environment to serve in. Settings
// override those that suit tests.
func surroundings(t *testing.T, settings map[string]string) (*authtest.Issuer, map[string]string) {
	t.Helper()
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = issuerKey })
	environment := map[string]string{
		"BETTER_AUTH_URL": issuer.Origin(),
		"CORS_ORIGINS":    testOrigin,
		"LISTEN_ADDR":     "127.0.0.1:0",
		"LOG_LEVEL":       "debug",
		"RATE_LIMIT_RPS":  "0", // Tests call faster than users do.
	}
	maps.Copy(environment, settings)
	if environment["DATABASE_URL"] == "" {
		environment["DATABASE_URL"] = pgtest.NewDatabase(t)
	}
	return issuer, environment
}

// logLine is a line of the log.
type logLine map[string]any

// logs keeps what todod writes to stdout.
type logs struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
	grown   chan struct{} // Closed, and made anew, at each line.
}

func newLogs() *logs { return &logs{grown: make(chan struct{})} }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.lines, l.partial = append(l.lines, string(line)), rest
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// text is all that was logged.
func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// wait returns the first line that matches, as soon as it is there.
func (l *logs) wait(t *testing.T, matches func(logLine) bool, ended <-chan error) logLine {
	t.Helper()
	timeout := time.After(patience)
	for read := 0; ; {
		l.mu.Lock()
		lines, grown := l.lines[read:], l.grown
		l.mu.Unlock()
		for _, text := range lines {
			read++
			var line logLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("a log line that is no JSON object: %q", text)
			}
			if matches(line) {
				return line
			}
		}
		select {
		case <-grown:
		case err := <-ended:
			t.Fatalf("todod ended: %v\n%s", err, l.text())
		case <-timeout:
			t.Fatalf("no such log line came:\n%s", l.text())
		}
	}
}

// request returns the line of the request with this id.
func (l *logs) request(t *testing.T, id string) logLine {
	t.Helper()
	return l.wait(t, func(line logLine) bool { return line["msg"] == "request" && line["request_id"] == id }, nil)
}

// logged is all that the service has logged. Lines are written in the background,
// in their order.
func (s *service) logged(t *testing.T) string {
	t.Helper()
	last := s.do(t, "GET", "/livez", "")
	s.logs.request(t, last.header.Get("X-Request-Id"))
	return s.logs.text()
}

// do sends a request with a body, which may be empty, and headers in pairs.
func (s *service) do(t *testing.T, method, path, body string, headers ...string) *response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return read(t, res)
}

// response is an answer, read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

func read(t *testing.T, res *http.Response) *response {
	t.Helper()
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return &response{status: res.StatusCode, header: res.Header, body: body.String()}
}

// bearer returns the header of a user's token, for do.
func (s *service) bearer(user string) []string {
	return []string{"Authorization", "Bearer " + s.issuer.Token(user)}
}
