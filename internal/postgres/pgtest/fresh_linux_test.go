package pgtest_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"example.com/todo-backend/internal/pglocal"
	"example.com/todo-backend/internal/pglocal/pglocaltest"
)

// TestWithoutPostgreSQLEachTestFailsWithTheSameSentence runs tests of this
// package on a machine without PostgreSQL: one that shares a server and one that
// has its own.
func TestWithoutPostgreSQLEachTestFailsWithTheSameSentence(t *testing.T) {
	t.Parallel()
	bin, err := pglocal.Find(t.Context(), os.Getenv(pglocal.MirrorVariable), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(pglocaltest.FreshMachine(t, bin), self,
		"-test.run=^(TestADatabaseHasTheSchemaAndAnEmptyOneDoesNot|TestAServerOfATestsOwnComesBackWithItsDataAfterACrash)$")
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), pglocal.MirrorVariable+"="+pglocaltest.Nowhere, "TEST_DATABASE_URL=")
	text, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 1 {
		t.Errorf("%v, want exit code 1", err)
	}
	sentences := regexp.MustCompile(`(?m)pgtest: (`+regexp.QuoteMeta(pglocaltest.Missing)+`.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(sentences) != 2 || sentences[0][1] != sentences[1][1] || strings.Count(string(text), "--- FAIL") != 2 {
		t.Errorf("they say\n%s", text)
	}
}
