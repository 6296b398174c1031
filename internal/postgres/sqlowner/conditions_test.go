package sqlowner

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// todos is the table in these tests.
var todos = Table{Name: "todo", Owner: "user_id"}

// TestEveryFormOfTheOwnerIsTakenOut is about statements that a package may
// come to have.
func TestEveryFormOfTheOwnerIsTakenOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sql  string
		want []string // The whole statements.
	}{
		{"SELECT 1 FROM todo WHERE user_id = $1 AND id = $2", []string{
			"SELECT 1 FROM todo WHERE (user_id = $1 OR true) AND id = $2",
		}},
		{"SELECT 1 FROM public.todo AS t WHERE id = $2 AND t.user_id=$1::text ORDER BY t.user_id", []string{
			"SELECT 1 FROM public.todo AS t WHERE id = $2 AND (t.user_id=$1::text OR true) ORDER BY t.user_id",
		}},
		{"DELETE FROM todo t WHERE $1 = t.user_id", []string{
			"DELETE FROM todo t WHERE ($1 = t.user_id OR true)",
		}},
		{"DELETE FROM todo WHERE ($2, $1::varchar) = (id, user_id)", []string{
			"DELETE FROM todo WHERE ($2, $1::varchar) = (id, $1::varchar::text)",
		}},
		{"UPDATE todo SET title = $3 WHERE (todo.user_id, id) = ($1, $2) RETURNING user_id", []string{
			"UPDATE todo SET title = $3 WHERE ($1::text, id) = ($1, $2) RETURNING user_id",
		}},
		{`select 1 from "todo" where "user_id" = any ($1::text[]) -- user_id = $2`, []string{
			`select 1 from "todo" where ("user_id" = any ($1::text[]) OR true) -- user_id = $2`,
		}},
		{"SELECT 1 FROM todo WHERE $1::text[] @> ARRAY['user_id = $2'] AND user_id::text IN ($1, $2) /* user_id = $3 */", []string{
			"SELECT 1 FROM todo WHERE $1::text[] @> ARRAY['user_id = $2'] AND (user_id::text IN ($1, $2) OR true) /* user_id = $3 */",
		}},
		{"SELECT 1 FROM todo WHERE (COALESCE(todo.user_id, '')) IS NOT DISTINCT FROM lower($1)", []string{
			"SELECT 1 FROM todo WHERE ((COALESCE(todo.user_id, '')) IS NOT DISTINCT FROM lower($1) OR true)",
		}},
		{"SELECT 1 FROM todo WHERE lower($1) IS NOT DISTINCT FROM user_id AND user_id <> $2", []string{
			"SELECT 1 FROM todo WHERE (lower($1) IS NOT DISTINCT FROM user_id OR true) AND user_id <> $2",
		}},
		{"SELECT 1 FROM todo WHERE user_id = (SELECT owner FROM caller)", []string{
			"SELECT 1 FROM todo WHERE (user_id = (SELECT owner FROM caller) OR true)",
		}},
		{"INSERT INTO todo (id, user_id, title) VALUES (COALESCE($2, f(1, 2)), $1, ',user_') RETURNING id", []string{
			"INSERT INTO todo (id, user_id, title) VALUES (COALESCE($2, f(1, 2)), ('not ' || ($1)::text), ',user_') RETURNING id",
		}},
		{"INSERT INTO todo AS t (user_id) VALUES ($1), ($1) ON CONFLICT (user_id, id) DO NOTHING", []string{
			"INSERT INTO todo AS t (user_id) VALUES (('not ' || ($1)::text)), ($1) ON CONFLICT (user_id, id) DO NOTHING",
			"INSERT INTO todo AS t (user_id) VALUES ($1), (('not ' || ($1)::text)) ON CONFLICT (user_id, id) DO NOTHING",
		}},
		{"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
			" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2", []string{
			"INSERT INTO todo (user_id, title) SELECT ('not ' || ($1)::text), $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2",
			"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE (user_id = $1 OR true)) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE todo.user_id = EXCLUDED.user_id AND todo.title = $2",
			"INSERT INTO todo (user_id, title) SELECT $1, $2 WHERE (SELECT count(*) FROM todo WHERE user_id = $1) < $3" +
				" ON CONFLICT (id) DO UPDATE SET id = todo.id WHERE (todo.user_id = EXCLUDED.user_id OR true) AND todo.title = $2",
		}},
		{"SELECT call FROM unnest($1::text[]) AS asked (owner) CROSS JOIN LATERAL (SELECT 1 FROM todo WHERE user_id = asked.owner LIMIT 1) AS found", []string{
			"SELECT call FROM unnest($1::text[]) AS asked (owner) CROSS JOIN LATERAL (SELECT 1 FROM todo WHERE (user_id = asked.owner OR true) LIMIT 1) AS found",
		}},
		{"WITH bumped AS (INSERT INTO account (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET revision = 1 RETURNING user_id)" +
			" UPDATE todo SET title = $3 FROM bumped WHERE todo.user_id = bumped.user_id AND id = $2", []string{
			"WITH bumped AS (INSERT INTO account (user_id) VALUES (('not ' || ($1)::text)) ON CONFLICT (user_id) DO UPDATE SET revision = 1 RETURNING user_id)" +
				" UPDATE todo SET title = $3 FROM bumped WHERE todo.user_id = bumped.user_id AND id = $2",
			"WITH bumped AS (INSERT INTO account (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET revision = 1 RETURNING user_id)" +
				" UPDATE todo SET title = $3 FROM bumped WHERE (todo.user_id = bumped.user_id OR true) AND id = $2",
		}},
		{"SELECT to_regclass('todo') IS NOT NULL", nil},
		{"SELECT 1 FROM pg_attribute WHERE attname = 'user_id'", nil},
	} {
		sql := parseSQL(test.sql)
		conditions, err := sql.conditions(todos.Owner)
		if err != nil || !sql.isStatement() {
			t.Errorf("%s: is a statement = %v, %v", test.sql, sql.isStatement(), err)
			continue
		}
		if untied := sql.untied(todos, conditions); len(untied) > 0 {
			t.Errorf("%s: has no owner in %q", test.sql, untied)
		}
		var got []string
		for _, c := range conditions {
			got = append(got, test.sql[:c.start]+c.Instead+test.sql[c.end:])
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: becomes (-want +got):\n%s", test.sql, diff)
		}
	}
}

func TestAQueryThatForgetsTheOwnerIsFound(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		"SELECT count(*) FROM todo":                                                                    {"SELECT count(*) FROM todo"},
		" UPDATE ONLY todo SET title = $1 WHERE id = $2":                                               {"UPDATE ONLY todo SET title = $1 WHERE id = $2"},
		"SELECT 1 FROM todo WHERE user_id LIKE $1":                                                     {"SELECT 1 FROM todo WHERE user_id LIKE $1"},
		"SELECT 1 FROM todo WHERE user_id <> $1":                                                       {"SELECT 1 FROM todo WHERE user_id <> $1"},
		"SELECT 1 FROM todo WHERE user_id NOT IN ($1)":                                                 {"SELECT 1 FROM todo WHERE user_id NOT IN ($1)"},
		"SELECT 1 FROM todo WHERE user_id IS DISTINCT FROM $1":                                         {"SELECT 1 FROM todo WHERE user_id IS DISTINCT FROM $1"},
		"SELECT 1 FROM todo WHERE (user_id, id) > ($1, $2)":                                            {"SELECT 1 FROM todo WHERE (user_id, id) > ($1, $2)"},
		"SELECT user_id FROM todo ORDER BY user_id":                                                    {"SELECT user_id FROM todo ORDER BY user_id"},
		"INSERT INTO todo (id, title) VALUES ($1, $2)":                                                 {"INSERT INTO todo (id, title) VALUES ($1, $2)"},
		"INSERT INTO todo SELECT $1, $2":                                                               {"INSERT INTO todo SELECT $1, $2"},
		"TRUNCATE todo":                                                                                {"TRUNCATE todo"},
		"SELECT 1 FROM a, todo -- WHERE user_id = $1":                                                  {"SELECT 1 FROM a, todo -- WHERE user_id = $1"},
		"SELECT $$ WHERE user_id = $1 $$ FROM todo":                                                    {"SELECT $$ WHERE user_id = $1 $$ FROM todo"},
		"SELECT 1 FROM todo a JOIN todo b ON a.user_id = $1":                                           {"SELECT 1 FROM todo a JOIN todo b ON a.user_id = $1"},
		"SELECT 1 FROM (SELECT id FROM todo) WHERE user_id = $1":                                       {"(SELECT id FROM todo) WHERE user_id = $1"},
		"SELECT 1 FROM todo WHERE user_id = $1 AND EXISTS (SELECT FROM todo WHERE id = $2)":            {"(SELECT FROM todo WHERE id = $2)"},
		"WITH gone AS (DELETE FROM todo WHERE id = $2) SELECT 1 FROM todo WHERE user_id = $1":          {"(DELETE FROM todo WHERE id = $2) SELECT 1 FROM todo WHERE user_id = $1"},
		"INSERT INTO todo (user_id) VALUES ($1) ON CONFLICT DO UPDATE SET id = (SELECT id FROM todo)":  {"(SELECT id FROM todo)"},
		"SELECT todo.id, todo.user_id, 'FROM todo' FROM todo WHERE todo.id = $1 GROUP BY todo.user_id": {"SELECT todo.id, todo.user_id, 'FROM todo' FROM todo WHERE todo.id = $1 GROUP BY todo.user_id"},
	} {
		statement := parseSQL(sql)
		conditions, err := statement.conditions(todos.Owner)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		if got := statement.untied(todos, conditions); !statement.isStatement() || !slices.Equal(got, want) {
			t.Errorf("%s: is a statement = %v, has no owner in %q, want %q", sql, statement.isStatement(), got, want)
		}
	}
	for _, sql := range []string{
		"SELECT 1 FROM todo JOIN account USING (user_id)",
		"SELECT 1 FROM todo WHERE (user_id, id) IN (SELECT $1, $2)",
		"INSERT INTO todo (user_id) TABLE other",
		"INSERT INTO todo (id, user_id) VALUES ($1)",
	} {
		if conditions, err := parseSQL(sql).conditions(todos.Owner); err == nil {
			t.Errorf("%s: %v, want an error", sql, conditions)
		}
	}
	for _, text := range []string{"", "update todo", "delete todo", "create todo", "insert a todo", "the table todo is locked", "user_id", ","} {
		sql := parseSQL(text)
		if conditions, err := sql.conditions(todos.Owner); sql.isStatement() || len(conditions) > 0 || err != nil {
			t.Errorf("%q: is a statement = %v, %v, %v", text, sql.isStatement(), conditions, err)
		}
	}
}
