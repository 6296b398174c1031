package postgres

import "fmt"

// facts are what the database says of itself and of the table, in the order of
// factsSQL.
type facts struct {
	Encoding, Role string
	IsReadOnly     bool   // By a default, not as a standby.
	Table          string // With its schema; empty when there is none.
	Elsewhere      string // The schema of another table of that name; empty when there is none.
	IsClosed       bool   // The role may not use that schema.
	Kind           string // pg_class.relkind.
	Missing        string // Columns.
	OfOtherType    string // Columns, with their types.
	WithoutDefault string // Columns that a new row needs a value for, and gets none.
	Rights         string // Those that the role lacks.
	HasKey         bool
	IsHidden       bool // By row-level security.
}

// table is what the statements need of a table.
type table struct {
	name      string
	key       string // The columns of its primary key, by name, separated by commas.
	columns   []column
	isDeleted bool // Whether rows are removed.
}

// column is a column that the statements read.
type column struct {
	name  string
	types string // pg_type.typname of the types that will do, separated by commas.
	uses  string // i and u for inserted and updated, d for one that a new row leaves to its default.
}

// tables are those that the statements use.
func tables() []table {
	return []table{
		{name: "todo", key: "id", isDeleted: true, columns: []column{
			{"id", "uuid", "iu"},
			{"title", "varchar,text", "iu"},
			{"description", "varchar,text", "iu"},
			{"is_completed", "bool", "ud"},
			{"user_id", "varchar,text", "i"},
			{"created_at", "timestamptz", "iu"},
			{"updated_at", "timestamptz", "iu"},
			{"revision", "int8", "iu"},
			{"deleted_at", "timestamptz", "u"},
			{"purged", "bool", "ud"},
			{"completed_at", "timestamptz", "u"},
			{"due_date", "date", "iu"},
			{"due_time", "time", "iu"},
			{"due_time_zone", "varchar,text", "iu"},
			{"due_at", "timestamptz", "iu"},
			{"priority", "int2", "iu"},
			{"tags", "jsonb", "iu"},
			{"position", "varchar,text", "iu"},
		}},
		{name: "todo_account", key: "user_id", isDeleted: true, columns: []column{
			{"user_id", "varchar,text", "i"},
			{"epoch", "int4", "ud"},
			{"revision", "int8", "iu"},
			{"floor", "int8", "ud"},
			{"sealed", "int2", "ud"},
		}},
		{name: "todo_request", key: "request_id,user_id", isDeleted: true, columns: []column{
			{"user_id", "varchar,text", "i"},
			{"request_id", "uuid", "i"},
			{"content_hash", "bytea", "i"},
			{"todo_ids", "_uuid", "i"},
			{"codes", "_text", "i"},
			{"created_at", "timestamptz", "ud"},
		}},
	}
}

// args are the arguments of factsSQL.
func (t table) args() []any {
	var names, types, uses []string
	for _, c := range t.columns {
		names, types, uses = append(names, c.name), append(types, c.types), append(uses, c.uses)
	}
	return []any{t.name, names, types, uses, t.isDeleted, t.key}
}

// factsSQL needs no right on the table and takes no lock on it.
const factsSQL = `
	WITH wanted AS (
		SELECT name, string_to_array(types, ',') AS types, uses
		FROM   unnest($2::text[], $3::text[], $4::text[]) AS wanted (name, types, uses)
	), found AS (
		SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
		FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE  c.oid = to_regclass($1::text)
	), existing AS (
		SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity, t.typname,
		       w.name IS NOT NULL AS is_wanted, w.types, w.uses
		FROM   found
		JOIN   pg_catalog.pg_attribute a ON a.attrelid = found.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN   pg_catalog.pg_type t ON t.oid = a.atttypid
		LEFT   JOIN wanted w ON w.name = a.attname
	), elsewhere AS (
		SELECT quote_ident(n.nspname) AS schema, NOT has_schema_privilege(n.oid, 'USAGE') AS is_closed
		FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE  c.relname = $1::text AND c.relkind IN ('r', 'p')
		ORDER BY n.nspname = 'public' DESC, n.nspname
		LIMIT  1
	)
	SELECT getdatabaseencoding()::text,
	       quote_ident(current_user),
	       current_setting('transaction_read_only') = 'on' AND NOT pg_is_in_recovery(),
	       COALESCE((SELECT name FROM found), ''),
	       COALESCE((SELECT schema FROM elsewhere), ''),
	       COALESCE((SELECT is_closed FROM elsewhere), false),
	       COALESCE((SELECT relkind::text FROM found), ''),
	       COALESCE((SELECT string_agg(name, ', ') FROM wanted WHERE name NOT IN (SELECT attname FROM existing)), ''),
	       COALESCE((SELECT string_agg(attname || ' is ' || format_type(atttypid, atttypmod), ', ')
	                 FROM   existing WHERE is_wanted AND NOT typname = ANY (types)), ''),
	       COALESCE((SELECT string_agg(attname, ', ')
	                 FROM   existing
	                 WHERE  attnotnull AND NOT atthasdef AND attidentity = '' AND COALESCE(uses, 'd') LIKE '%d%'), ''),
	       concat_ws(', ',
	           (SELECT 'SELECT' FROM existing WHERE is_wanted AND NOT has_column_privilege(attrelid, attnum, 'SELECT') LIMIT 1),
	           (SELECT 'INSERT' FROM existing WHERE uses LIKE '%i%' AND NOT has_column_privilege(attrelid, attnum, 'INSERT') LIMIT 1),
	           (SELECT 'UPDATE' FROM existing WHERE uses LIKE '%u%' AND NOT has_column_privilege(attrelid, attnum, 'UPDATE') LIMIT 1),
	           (SELECT 'DELETE' FROM found WHERE $5::boolean AND NOT has_table_privilege(oid, 'DELETE'))),
	       EXISTS (SELECT FROM found f JOIN pg_catalog.pg_index i ON i.indrelid = f.oid
	               WHERE  $6::text = (SELECT string_agg(attname, ',' ORDER BY attname) FROM existing
	                                  WHERE  attnum = ANY (i.indkey::smallint[]))
	                 AND  i.indnatts = i.indnkeyatts
	                 AND  i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL),
	       EXISTS (SELECT FROM found WHERE row_security_active(oid)
	                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = found.oid AND polpermissive))`

// faults returns what keeps the store's statements from running, each in words
// that say what to do about it.
func (f *facts) faults(of table) (faults []string) {
	add := func(isFault bool, format string, args ...any) {
		if isFault {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	add(f.Encoding != "UTF8", "the database's encoding is %s and must be UTF8", f.Encoding)
	add(f.IsReadOnly, "default_transaction_read_only is on for the database, the role or the connection: writes are refused")
	switch {
	case f.Table == "" && f.IsClosed:
		add(true, "the role lacks USAGE on the schema: GRANT USAGE ON SCHEMA %s TO %s", f.Elsewhere, f.Role)
	case f.Table == "" && f.Elsewhere != "":
		add(true, "the table %s is in the schema %s, which search_path doesn't name", of.name, f.Elsewhere)
	case f.Table == "":
		add(true, "there is no table %s: run todod migrate", of.name)
	case f.Kind != "r" && f.Kind != "p": // Partitioned.
		add(true, "%s is no ordinary table, so it isn't the service's", f.Table)
	default:
		const migrate = "run todod migrate, which says more"
		add(f.Missing != "", "the table %s lacks columns (%s): %s", f.Table, f.Missing, migrate)
		add(f.OfOtherType != "", "the table %s has columns of another type (%s): %s", f.Table, f.OfOtherType, migrate)
		add(f.WithoutDefault != "", "the table %s has columns that a new row needs a value for (%s): give them a default", f.Table, f.WithoutDefault)
		add(!f.HasKey, "the table %s has no primary key on %s: %s", f.Table, of.key, migrate)
		add(f.Rights != "", "the role lacks rights on the table: GRANT %s ON %s TO %s", f.Rights, f.Table, f.Role)
		add(f.IsHidden, "row-level security hides all rows of %s from the role %s: CREATE POLICY for it, or make it the table's owner", f.Table, f.Role)
	}
	return faults
}
