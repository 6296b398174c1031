//go:build scale && linux

package scale

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

var program = flag.String("todod", "../../bin/todod", "the service's `program`")

// What all tests of the run share: its report, and who looks for secrets in every log.
var (
	results = report.New(os.Stdout)
	lookout stack.Canaries
)

func TestMain(m *testing.M) {
	flag.Parse()
	started := time.Now()
	if _, err := os.Stat(*program); err != nil {
		fmt.Fprintln(os.Stderr, "scale: build the service first, with make build:", err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "scale: what outlives the tests:", err)
		code = 1
	}
	lookout.Report(results)
	os.Exit(max(code, results.Finish(time.Since(started), rowsOfRun)))
}

// size returns one of two sizes of a test: that of the short run, or that of the whole one.
func size[T any](inShort, inAll T) T {
	if testing.Short() {
		return inShort
	}
	return inAll
}

// newRow begins a row of the report.
func newRow(t *testing.T, name string) *report.Row {
	t.Helper()
	return results.Row(t, name)
}

// startTodod runs the service on a database until the test ends. Settings override those
// that it would run with.
func startTodod(t *testing.T, issuer *stack.Issuer, database string, settings map[string]string) *stack.Todod {
	t.Helper()
	return stack.StartTodod(t, stack.TododConfig{Program: *program, Issuer: issuer, Database: database, Settings: settings, Canaries: &lookout})
}
