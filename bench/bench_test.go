package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

func TestADatabaseHoldsTheTodosThatCallersAskFor(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	before := definitions(t, conn)
	d := dataset{users: 7, todos: 50}
	const spares = 5
	for range 2 { // Each time anew.
		if err := d.fill(t.Context(), conn, spares); err != nil {
			t.Fatal(err)
		}
	}
	var count int64
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM todo").Scan(&count); err != nil || count != d.todos+spares {
		t.Errorf("%d todos, %v", count, err)
	}
	for n := range d.todos + spares {
		var userID string
		if err := conn.QueryRow(t.Context(), "SELECT user_id FROM todo WHERE id = $1", todoID(n)).Scan(&userID); err != nil {
			t.Errorf("todo %d: %v", n, err)
		} else if userID != owner(int64(d.user(n))) {
			t.Errorf("todo %d is %s's", n, userID)
		}
	}
	if diff := cmp.Diff(before, definitions(t, conn)); diff != "" {
		t.Errorf("the table's indexes have changed:\n%s", diff)
	}
}

// definitions returns the table's indexes and keys, as the statements that
// make them.
func definitions(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	_, restore, err := indexes(t.Context(), conn)
	if err != nil || len(restore) < 3 {
		t.Fatalf("indexes %q, %v", restore, err)
	}
	return slices.Sorted(slices.Values(restore))
}

const log = `2026-11-24 23:25:02.123 UTC [17] LOG:  statement: -- ping
2026-11-24 23:25:02.124 UTC [17] LOG:  execute stmtcache_1f: 
		SELECT title
		FROM   todo
		WHERE  user_id = $1 AND id = $2 AND ($3::boolean IS NULL OR title <> $4 OR title = $4)
2026-11-24 23:25:02.124 UTC [17] DETAIL:  parameters: $1 = '1000000000000000000', $2 = '10000000-0000-0000-0000-000000000000', $3 = NULL, $4 = 'it''s, $2 = ''x'''
2026-11-24 23:25:02.125 UTC [18] LOG:  checkpoint starting: time
`

func TestStatementsAreReadFromTheLog(t *testing.T) {
	t.Parallel()
	want := []statement{{
		sql: "SELECT title\n\t\tFROM   todo\n\t\tWHERE  user_id = $1 AND id = $2 AND ($3::boolean IS NULL OR title <> $4 OR title = $4)",
		parameters: []parameter{
			{text: owner(0)}, {text: todoID(0)}, {null: true}, {text: "it's, $2 = 'x'"},
		},
	}}
	got := parseLog(log)
	if diff := cmp.Diff(want, trimmed(got), cmp.AllowUnexported(statement{}, parameter{})); diff != "" {
		t.Error(diff)
	}
}

func trimmed(statements []statement) []statement {
	for i := range statements {
		statements[i].sql = strings.TrimSpace(statements[i].sql)
	}
	return statements
}

func TestPgbenchRunsTheServicesStatementsWithOtherTodos(t *testing.T) {
	t.Parallel()
	d := dataset{users: 10, todos: 1000}
	got, err := pgbenchScript(d, get, parseLog(log))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"\\set n random(0, 999)\n",
		"user_id = :owner AND id = (:id::text || '00000000000000000000')::uuid AND (NULL::boolean IS NULL OR title <> :get_0_4 OR title = :get_0_4);\n",
	} {
		if !strings.Contains(got.text, part) {
			t.Errorf("no %q in\n%s", part, got.text)
		}
	}
	if want := []string{"get_0_4=it's, $2 = 'x'"}; !slices.Equal(got.variables, want) {
		t.Errorf("variables %q, want %q", got.variables, want)
	}

	made := []statement{{
		sql:        "INSERT INTO todo (id, user_id) VALUES ($1, $2)",
		parameters: []parameter{{text: "01935f2e-8f6f-7000-8000-0123456789ab"}, {text: owner(0)}},
	}}
	if got, err := pgbenchScript(d, create, made); err != nil || !strings.Contains(got.text, "(('ffff' || :fresh::text") {
		t.Errorf("an id that the service makes is not made anew: %v\n%s", err, got.text)
	}
	if got, err := pgbenchScript(d, get, made); err == nil {
		t.Errorf("a get that does not name the todo passes:\n%s", got.text)
	}
}

func TestScenariosAddUp(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios() {
		counts := make(map[operation]int)
		for n := range 100 {
			counts[sc.pick(n)]++
		}
		for _, share := range sc.shares {
			if counts[share.operation] != share.percent {
				t.Errorf("%s: %v", sc.name, counts)
			}
		}
	}
}

func TestMediansAreOfEachFieldByItself(t *testing.T) {
	t.Parallel()
	got := median([]sample{{rate: 1, p99: 9, refused: 2}, {rate: 3, p99: 7}, {rate: 2, p99: 8}})
	if got.rate != 2 || got.p99 != 8 || got.refused != 2 {
		t.Errorf("%+v", got)
	}
	if got := medianOf([]float64{1, 4}); got != 2.5 {
		t.Errorf("the median of two is %v", got)
	}
}

func TestEveryProtocolIsMeasuredBelowItsHighestRate(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios() {
		var got []protocol
		for _, c := range (options{}).pacedPlan(sc) {
			got = append(got, c.protocol)
		}
		var want []protocol
		if sc.name == "get" || sc.name == "mix" {
			want = protocols()
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", sc.name, got, want)
		}
	}
}

func TestEveryFieldOfStatIsFoundWhateverTheProcessIsCalled(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/stat"
	text := "42 (a) b (c)) S 7 1 1 0 -1 4194560 100 0 0 0 120 30 5 6 20 0 1 0 100 1000 10\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readStat(path); err != nil || got != (stat{7, 150 * tick, 11 * tick}) {
		t.Errorf("%v, %v", got, err)
	}
}
