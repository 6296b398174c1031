package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// checkHealth runs `todod healthcheck` where LISTEN_ADDR is all that is set.
func checkHealth(t *testing.T, address string) (stdout string, err error) {
	t.Helper()
	var printed strings.Builder
	err = run(t.Context(), []string{"healthcheck"}, func(name string) string {
		return map[string]string{"LISTEN_ADDR": address}[name]
	}, &printed)
	return printed.String(), err
}

// wantUnhealthy checks that a health check fails with one line that has these words.
func wantUnhealthy(t *testing.T, address, want string) {
	t.Helper()
	stdout, err := checkHealth(t, address)
	if err == nil || stdout != "" {
		t.Fatalf("no failure; stdout: %q", stdout)
	}
	if got := err.Error(); !strings.HasPrefix(got, "not ready: "+address+": ") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// address returns where the service listens.
func (s *service) address() string { return strings.TrimPrefix(s.url, "http://") }

func TestAHealthCheckPassesOnceTheServiceIsReady(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", ":0", "0.0.0.0:0"} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			s := start(t, map[string]string{"LISTEN_ADDR": listen})
			host, _, err := net.SplitHostPort(listen)
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(s.address())
			if err != nil {
				t.Fatal(err)
			}
			if stdout, err := checkHealth(t, host+":"+port); err != nil || stdout != "ready\n" {
				t.Errorf("%q, %v", stdout, err)
			}
		})
	}
}

func TestAHealthCheckFailsWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"})
	wantUnhealthy(t, s.address(), "the service can't use its database")
}

func TestAHealthCheckFailsWhereNothingListens(t *testing.T) {
	t.Parallel()
	wantUnhealthy(t, closedAddr(t), "connection refused")
}

func TestAHealthCheckFailsWhenAnotherServerAnswers(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"404 Not Found": http.NotFound,
		"200 OK": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<h1>Welcome</h1>")
		},
		"302 Found": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the check follows redirects")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
		"503 Service Unavailable": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := httptest.NewServer(handler)
			t.Cleanup(other.Close)
			wantUnhealthy(t, other.Listener.Addr().String(), "something else listens there: /readyz answered "+name)
		})
	}
}

func TestAHealthCheckIsBoundedWhenTheServiceHangs(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"before the response": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"within the response": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"status":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := httptest.NewServer(handler)
			t.Cleanup(other.Close)
			wantUnhealthy(t, other.Listener.Addr().String(), "no response within "+healthcheckTimeout.String())
		})
	}
}

func TestAHealthCheckNeedsAFixedPort(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:0": "LISTEN_ADDR must have a port other than 0",
		"8080":        "LISTEN_ADDR must be like :8080",
	} {
		_, err := checkHealth(t, address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The image's HEALTHCHECK kills a check that takes too long, and then nobody learns why.
func TestAHealthCheckEndsBeforeItIsKilled(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^HEALTHCHECK .*--timeout=(\S+) .*"/todod", "healthcheck"`).FindSubmatch(dockerfile)
	if match == nil {
		t.Fatal("the Dockerfile has no such HEALTHCHECK")
	}
	if killed, err := time.ParseDuration(string(match[1])); err != nil || killed <= healthcheckTimeout {
		t.Errorf("killed after %v, %v; the check takes up to %v", killed, err, healthcheckTimeout)
	}
}
