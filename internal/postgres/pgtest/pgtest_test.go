package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

// tables returns how many tables called todo a database has.
func tables(t *testing.T, connection *pgx.Conn) int {
	t.Helper()
	var n int
	err := connection.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE tablename = 'todo'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestADatabaseHasTheSchemaAndAnEmptyOneDoesNot(t *testing.T) {
	t.Parallel()
	if got := tables(t, pgtest.Connect(t, pgtest.NewDatabase(t))); got != 1 {
		t.Errorf("new database: %d todo tables, want 1", got)
	}
	if got := tables(t, pgtest.Connect(t, pgtest.NewEmptyDatabase(t))); got != 0 {
		t.Errorf("new empty database: %d todo tables, want 0", got)
	}
}

func TestParallelTestsDoNotSeeOneAnothersRows(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("database", func(t *testing.T) {
			t.Parallel()
			connection := pgtest.Connect(t, pgtest.NewDatabase(t))
			if _, err := connection.Exec(t.Context(), "INSERT INTO todo (title, user_id) VALUES ('a', 'u')"); err != nil {
				t.Fatal(err)
			}
			var rows int
			if err := connection.QueryRow(t.Context(), "SELECT count(*) FROM todo").Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if rows != 1 {
				t.Errorf("%d rows, want 1", rows)
			}
		})
	}
}

func TestADatabaseIsDroppedAfterItsTestWhoeverIsConnected(t *testing.T) {
	t.Parallel()
	server := pgtest.Connect(t, pgtest.ServerURL(t))
	var name string
	t.Cleanup(func() { // After the one that drops it.
		var rows int
		err := server.QueryRow(context.Background(), "SELECT count(*) FROM pg_database WHERE datname = $1", name).Scan(&rows)
		if err != nil {
			t.Fatal(err)
		}
		if rows != 0 {
			t.Errorf("database %s is still there", name)
		}
	})
	url := pgtest.NewDatabase(t)
	connection, err := pgx.Connect(t.Context(), url) // Not closed.
	if err != nil {
		t.Fatal(err)
	}
	name = connection.Config().Database
}

func TestAServerOfATestsOwnComesBackWithItsDataAfterACrash(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	url := server.URL()
	if _, err := pgtest.Connect(t, url).Exec(t.Context(), "INSERT INTO todo (title, user_id) VALUES ('a', 'u')"); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Fatal("a killed server answers")
	}
	server.Restart(t)
	if server.URL() != url {
		t.Errorf("came back at %s, was at %s", server.URL(), url)
	}
	if got := tables(t, pgtest.Connect(t, url)); got != 1 {
		t.Errorf("%d todo tables after the crash, want 1", got)
	}
}
