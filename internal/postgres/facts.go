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
	HasUniqueID    bool
	IsHidden       bool // By row-level security.
}

// factsSQL needs no right on the table and takes no lock on it. The columns are
// those that the statements read; i and u say which of them are inserted and
// updated, d which a new row leaves to their defaults.
const factsSQL = `
	WITH wanted (name, types, uses) AS (
		VALUES ('id',           '{uuid}'::text[],   'iu'),
		       ('title',        '{varchar,text}',   'iu'),
		       ('description',  '{varchar,text}',   'iu'),
		       ('is_completed', '{bool}',           'ud'),
		       ('user_id',      '{varchar,text}',   'i'),
		       ('created_at',   '{timestamptz}',    'ud'),
		       ('updated_at',   '{timestamptz}',    'ud')
	), found AS (
		SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
		FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE  c.oid = to_regclass('todo')
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
		WHERE  c.relname = 'todo' AND c.relkind IN ('r', 'p')
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
	           (SELECT 'DELETE' FROM found WHERE NOT has_table_privilege(oid, 'DELETE'))),
	       EXISTS (SELECT FROM existing e JOIN pg_catalog.pg_index i ON i.indrelid = e.attrelid
	               WHERE  e.attname = 'id' AND i.indnkeyatts = 1 AND i.indkey[0] = e.attnum
	                 AND  i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL),
	       EXISTS (SELECT FROM found WHERE row_security_active(oid)
	                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = found.oid AND polpermissive))`

// faults returns what keeps the store's statements from running, each in words
// that say what to do about it.
func (f *facts) faults() (faults []string) {
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
		add(true, "the table todo is in the schema %s, which search_path doesn't name", f.Elsewhere)
	case f.Table == "":
		add(true, "there is no table todo: run todod migrate")
	case f.Kind != "r" && f.Kind != "p": // Partitioned.
		add(true, "%s is no ordinary table, so it isn't the service's", f.Table)
	default:
		const migrate = "run todod migrate, which says more"
		add(f.Missing != "", "the table %s lacks columns (%s): %s", f.Table, f.Missing, migrate)
		add(f.OfOtherType != "", "the table %s has columns of another type (%s): %s", f.Table, f.OfOtherType, migrate)
		add(f.WithoutDefault != "", "the table %s has columns that a new row needs a value for (%s): give them a default", f.Table, f.WithoutDefault)
		add(!f.HasUniqueID, "the table %s has no primary key on id: %s", f.Table, migrate)
		add(f.Rights != "", "the role lacks rights on the table: GRANT %s ON %s TO %s", f.Rights, f.Table, f.Role)
		add(f.IsHidden, "row-level security hides all rows of %s from the role %s: CREATE POLICY for it, or make it the table's owner", f.Table, f.Role)
	}
	return faults
}
