package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheCommandGetsDatabasesAndItsExitCodeIsPassedOn(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	script := `echo "$ATLAS_DEV_URL $DATABASE_URL"; echo sorry >&2; exit 3`
	getenv := func(name string) string {
		if strings.HasPrefix(name, "DATABASE_") {
			return ""
		}
		return os.Getenv(name)
	}
	err := run(t.Context(), []string{"sh", "-c", script}, getenv, &stdout, &stderr)
	if failed, ok := errors.AsType[commandError](err); !ok || failed.code != 3 {
		t.Errorf("run: %v, want exit code 3", err)
	}
	if urls := strings.Fields(stdout.String()); len(urls) != 2 || urls[0] == urls[1] || !strings.HasSuffix(stderr.String(), "sorry\n") {
		t.Errorf("it prints %s and %s", stdout.String(), stderr.String())
	}
}

func TestWithoutACommandPostgreSQLIsFoundAndNothingSaid(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	if err := run(t.Context(), nil, os.Getenv, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if stdout.Len() > 0 {
		t.Errorf("it prints %s", stdout.String())
	}
}

func TestACommandThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	err := run(t.Context(), []string{"no-such-command"}, os.Getenv, &stdout, &stderr)
	if _, failed := errors.AsType[commandError](err); failed || err == nil || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("run: %v", err)
	}
}
