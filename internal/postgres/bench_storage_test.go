package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// The table that storage and writes are measured on: todos with ids at random, as clients
// make them, half of them with a description, of users in turn whose ids have the 32
// characters of Better Auth's.
const (
	benchUsers        = 2_000
	benchTodosPerUser = 100
	benchTodos        = benchUsers * benchTodosPerUser
	benchTitle        = "Water the plants on the balcony"
	benchDescription  = "The tomatoes twice, the rosemary hardly at all"
)

// benchOwner returns the user id of a number, as SQL does that fills the table.
func benchOwner(n int) string { return fmt.Sprintf("user%028d", n) }

// fillForBench makes the users' accounts and todos.
func fillForBench(b *testing.B, url string) {
	b.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`
			INSERT INTO todo_account (user_id, revision)
			SELECT 'user' || lpad(i::text, 28, '0'), %d FROM generate_series(0, %d - 1) AS i`, benchTodos, benchUsers),
		fmt.Sprintf(`
			INSERT INTO todo (id, user_id, title, description, created_at, revision)
			SELECT md5(i::text)::uuid, 'user' || lpad((i %% %d)::text, 28, '0'), '%s', CASE WHEN i %% 2 = 0 THEN '%s' END,
			       now() - (%d - i) * INTERVAL '1 second', i
			FROM   generate_series(1, %[4]d) AS i`, benchUsers, benchTitle, benchDescription, benchTodos),
		"VACUUM ANALYZE",
	} {
		pgtest.Exec(b, url, sql)
	}
}

// BenchmarkStorage measures the bytes that a todo, an account and a request of ApplyTodos
// take, with their indexes: as they are stored first, and after use, in which each todo is
// changed eight times in the mean. A vacuum follows whenever a fifth has changed, as autovacuum's
// does. At last the index that has grown most is built anew. It ignores b.N.
func BenchmarkStorage(b *testing.B) {
	url := pgtest.NewDatabase(b)
	fillForBench(b, url)
	pgtest.Exec(b, url, fmt.Sprintf(`
		INSERT INTO todo_request (user_id, request_id, content_hash, todo_ids, codes)
		SELECT 'user' || lpad((i %% %d)::text, 28, '0'), md5('request ' || i)::uuid, sha256(i::text::bytea), ARRAY[md5(i::text)::uuid], ARRAY['']
		FROM   generate_series(1, %d) AS i`, benchUsers, benchTodos))
	b.Run("as stored", func(b *testing.B) { reportStorage(b, url) })
	const rounds, part = 40, 5
	for round := range rounds {
		// A part of the todos at random, another in each round.
		pgtest.Exec(b, url, fmt.Sprintf(`
			WITH changed AS (
				UPDATE todo
				SET    is_completed = NOT is_completed, updated_at = clock_timestamp(), revision = revision + %d
				WHERE  hashtext(id::text || %d) %% %d = 0
				RETURNING user_id
			)
			UPDATE todo_account SET revision = revision + %[1]d WHERE user_id IN (SELECT user_id FROM changed)`, benchTodos, round, part))
		pgtest.Exec(b, url, "VACUUM")
	}
	b.Run("in use", func(b *testing.B) { reportStorage(b, url) })
	pgtest.Exec(b, url, "REINDEX INDEX CONCURRENTLY ix_todo_user_id")
	b.Run("with a new index of changes", func(b *testing.B) { reportStorage(b, url) })
}

// reportStorage reports what each table and index takes, by its rows.
func reportStorage(b *testing.B, url string) {
	b.Helper()
	conn := pgtest.Connect(b, url)
	rows, err := conn.Query(b.Context(), `
		SELECT c.relname, pg_table_size(c.oid)::float / CASE WHEN c.relname LIKE '%account%' THEN $1::float ELSE $2 END
		FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE  n.nspname = 'public' AND c.relkind IN ('r', 'i') AND c.relname ~ 'todo'`, benchUsers, benchTodos)
	if err != nil {
		b.Fatal(err)
	}
	var name string
	var size float64
	if _, err := pgx.ForEachRow(rows, []any{&name, &size}, func() error {
		if size > 1 { // Else it is an index that has none of the rows.
			b.ReportMetric(size, name+"-B")
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // Nothing was timed.
}
