//go:build linux

package faults

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

// notPooled are the tests of internal/database and internal/postgres that need what a
// pooler of transactions has not.
var notPooled = []string{
	// They put parameters of the session into the URL.
	"TestMigrateWorksInTheFirstSchemaOfTheSearchPath",
	"TestMigrateWarnsOfATableThatItsOwnHides",
	"TestMigrateSaysWhatARoleLacks",
	"TestAURLWithAllThatDoesNoHarmConnects",
	"TestReadsAreInBatchesWhereWritesAreRefused",
	"TestAReadOnlyDatabaseCostsItsReadsNoConnections",
	"TestServerErrorsSayWhetherToTryAgain/a_statement_timeout",
	"TestFiveMigrationsAtOnceAllSucceedAndOneApplies/when_transactions_begin_as_repeatable_read",
	"TestOthersInTheWayOfAStatementFailNoCall",
	"TestAStatementThatWasRolledBackIsRunAgain",
	"TestHealthWhenTheDatabaseCantServe/the_role_has_no_rights",
	// They keep something in a session of their own: a lock, statistics, defaults.
	"TestMigrateGivesUpOnAMigrationOfAtlasThatDoesNotEnd",
	"TestEveryPageIsReadOffTheIndex",
	"TestTheCountIsReadOffAnIndex",
	"TestSessionDefaultsOfTheDatabaseChangeNoMigration",
	"TestSessionDefaultsOfTheDatabaseOrTheRoleChangeNo(thing|Move)",
	"TestBatchedCallsAreAnsweredAsIfTheyWereAlone",
	// It connects as roles that PgBouncer does not know.
	"TestReadyMeansAble",
	// It kills every connection of the database, its own among them.
	"TestAcknowledgedWritesAreThereWhoeverKillsConnections",
	// They try every mode, of which PgBouncer before 1.21 allows but some.
	"TestEveryOperationWorksInEveryQueryMode",
	"TestAnOwnerHasAsManyTodosAsTheBoundSays/cache_",
	"TestACallThat.*FailsAlone/(cache|describe)_",
	"TestACallWhoseRowsCantBeReadFailsAlone/(cache|describe)_",
	"TestCallsWhoseAnswerIsLostAfterTheCommit/(cache|describe)_",
	"TestACreateWhoseAnswerIsLostIsRepeatedAndMakesOneTodo/(cache|describe)_",
	"TestAChangeWhoseAnswerIsLostIsNotRepeated/.*/(cache|describe)_",
}

// TestSuiteBehindPgBouncer runs the tests of what speaks to the database through
// PgBouncer in transaction mode.
func TestSuiteBehindPgBouncer(t *testing.T) {
	longOnly(t)
	r := newRow(t, "the suite behind PgBouncer")
	server := pgtest.StartServer(t, map[string]string{"max_connections": "200"})
	// A database that is cloned or dropped must have no connections, so those
	// that nobody uses end soon.
	b := startPgBouncer(t, server.URL(), "server_idle_timeout = 1")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-p=1", "-v",
		"-skip", strings.Join(notPooled, "|"), "./internal/database", "./internal/postgres", "./cmd/todod")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+stack.ThroughHost(server.Server.URL("postgres"), b.address)+execMode)
	output, err := cmd.CombinedOutput()
	text := string(output)
	r.Did("ran the tests of internal/database, internal/postgres and cmd/todod, but for %d that need what it has not", len(notPooled))
	report.AtLeast(r, "passed", strings.Count(text, "--- PASS"), 200)
	r.None("failed", strings.Count(text, "--- FAIL"))
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
