package postgres_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/internal/todo"
)

// analyzed returns how PostgreSQL has run the statement with arguments, in a mode of
// plan_cache_mode.
func (s preparedStatement) analyzed(t *testing.T, mode, arguments string) string {
	t.Helper()
	ask(t, s.db, "SELECT set_config('plan_cache_mode', $1, false)", mode)
	return strings.Join(ask(t, s.db, "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) EXECUTE "+pgx.Identifier{s.name}.Sanitize()+"("+arguments+")"), "\n")
}

// rowsRead returns how many rows of the table a plan has read, as the index has them and
// then the conditions besides.
func rowsRead(t *testing.T, plan string) int {
	t.Helper()
	read := 0
	_, scan, found := strings.Cut(plan, " on todo (actual rows=")
	if !found || strings.Contains(scan, " on todo (actual rows=") {
		t.Fatalf("not one scan of the table:\n%s", plan)
	}
	for _, pattern := range []string{`^([0-9]+)`, `Rows Removed by Filter: ([0-9]+)`, `Rows Removed by Index Recheck: ([0-9]+)`} {
		if match := regexp.MustCompile(pattern).FindStringSubmatch(scan); match != nil {
			n, err := strconv.Atoi(match[1])
			if err != nil {
				t.Fatal(err)
			}
			read += n
		}
	}
	return read
}

// TestAListReadsNoMoreThanTheOwnersTodos looks at the plans of the statements that the
// store has prepared, both for given parameters and for any, with statistics by which the
// whole table would be read: of few owners, who have half of it each.
func TestAListReadsNoMoreThanTheOwnersTodos(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	conn := pgtest.Connect(t, url)
	pgtest.ExecOn(t, conn, `
		INSERT INTO todo (user_id, title, created_at, deleted_at, due_date, priority)
		SELECT 'many ' || i % 2, 'milk ' || i, now() - i * INTERVAL '1 second', CASE WHEN i % 20 < 10 THEN now() END, '2026-11-29'::date + i % 9, NULLIF(i % 4, 0)
		FROM   generate_series(1, 8000) AS i`)
	pgtest.ExecOn(t, conn, "VACUUM ANALYZE todo")
	owner := user(t, "many 1")
	const own = 2000 // In the trash as well.

	zone, _ := zoneNamed(t, "Europe/Berlin")
	type list struct {
		query todo.Query
		more  string // The arguments besides those of all orders.
	}
	lists := map[string]list{
		"the trash": {todo.Query{InTrash: true}, ""},
		"created":   {todo.Query{Order: todo.ByCreation}, ""},
		"updated":   {todo.Query{Order: todo.ByUpdate}, ""},
		"priority":  {todo.Query{Order: todo.ByPriority}, ", 2"},
		"position":  {todo.Query{Order: todo.ByPosition}, ", 'M'"},
		"due":       {todo.Query{Order: todo.ByDue, Zone: zone}, ", '{-infinity,2026-03-29 03:00}', '{01:00,02:00}'"},
	}
	for name, order := range orders() {
		if _, isTested := lists[name]; !isTested {
			t.Errorf("no list by %s (%d)", name, order)
		}
	}
	for name, list := range lists {
		db := databasetest.Open(t, url, 1) // One connection, so that the statement is prepared on it.
		store := storeOn(db, 0)
		list.query.Size, list.query.Filter.Words = 20, []string{"milk"}
		if page, err := store.ListTodos(t.Context(), owner, list.query); err != nil || len(page.Todos) != 20 {
			t.Fatalf("%s: %d todos, %v", name, len(page.Todos), err)
		}
		statement := preparedBy(t, db, "COLLATE \"C\" ~ $14")
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			for _, place := range []string{"NULL", "'2026-11-30 00:00+00'"} {
				for _, filter := range []string{strings.Repeat("NULL, ", 8) + "false" + strings.Repeat(", NULL", 2), "false, '{a}', '{a,b}', '{1}', '2026-11-01', '2026-11-01 00:00+00', '2026-12-01', '2026-12-01 00:00+00', true, '2026-11-01 00:00+00', 'milk'"} {
					arguments := fmt.Sprintf("'%s', %s, '00000000-0000-0000-0000-000000000000', %s, 21%s", owner, place, filter, list.more)
					plan := statement.analyzed(t, mode, arguments)
					if read := rowsRead(t, plan); read > own || !strings.Contains(plan, "Index") || strings.Contains(plan, "Seq Scan") {
						t.Errorf("%s, %s: reads %d of %d rows:\n%s", name, mode, read, own, plan)
					}
				}
			}
		}
	}
}
