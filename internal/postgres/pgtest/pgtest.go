// Package pgtest gives tests real databases: one server per test process,
// started when the first test asks for it, and one database per test, cloned
// from a template that holds the schema. TEST_DATABASE_URL makes it use a
// server that runs already, as a role that may create databases.
//
// A test package runs its [Tests] in its TestMain:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }
package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// operationTimeout bounds each thing that is done to a server for a test.
const operationTimeout = time.Minute

// shared is the server of this test process. It is a variable of the package
// because tests have nothing else in common that could carry it.
var shared databases

// Tests are those of a package that makes databases, as goleak runs them.
type Tests struct{ *testing.M }

// Run is [Main].
func (t Tests) Run() int { return Main(t.M) }

// Main runs the tests, takes down what they were given, and returns the exit
// code.
func Main(m *testing.M) int {
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// NewDatabase returns the URL of a new database with the schema in it, which
// is dropped when the test has ended.
func NewDatabase(t testing.TB) string {
	t.Helper()
	return newDatabase(t, true)
}

// NewEmptyDatabase returns the URL of a new database without the schema, which
// is dropped when the test has ended.
func NewEmptyDatabase(t testing.TB) string {
	t.Helper()
	return newDatabase(t, false)
}

func newDatabase(t testing.TB, withSchema bool) string {
	t.Helper()
	if err := shared.open(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	name, err := shared.create(ctx, withSchema)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		defer cancel()
		if err := shared.drop(ctx, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return shared.url(name)
}

// ServerURL returns a URL of the server that the databases are on, for what is
// done to a database from outside of it.
func ServerURL(t testing.TB) string {
	t.Helper()
	if err := shared.open(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return shared.serverURL
}
