package database

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

// othersObject is something on a table of the schema's, or by its name, that the
// schema doesn't declare.
type othersObject struct {
	kind, name string
	effect     string // On the service; empty when there is none.
}

// canRefuse is the effect of what can keep the service from storing a row.
const canRefuse = "the service can't store what it refuses"

// report logs that it is left alone.
func (o othersObject) report(ctx context.Context, logger *slog.Logger) {
	const msg = "left alone what the schema doesn't have"
	if o.effect == "" {
		logger.InfoContext(ctx, msg, "kind", o.kind, "name", o.name)
		return
	}
	logger.WarnContext(ctx, msg, "kind", o.kind, "name", o.name, "effect", o.effect)
}

// hasAttr reports whether there is an attribute of a type.
func hasAttr[T schema.Attr](attrs []schema.Attr) bool {
	return slices.ContainsFunc(attrs, func(attr schema.Attr) bool {
		_, ok := attr.(T)
		return ok
	})
}

// leaveOthers takes out the changes that would drop what the schema doesn't
// declare, and has new checks hold for new rows only, at first. Whoever made an
// object has a reason for it, and one of the schema's before is dropped by hand.
func leaveOthers(changes []schema.Change) (own []schema.Change, others []othersObject) {
	own = eachPart(changes, func(_ *schema.Table, part schema.Change) []schema.Change {
		switch part := part.(type) {
		case *schema.DropIndex:
			object := othersObject{kind: "index", name: part.I.Name}
			switch {
			case part.I.Unique:
				object.kind, object.effect = "unique index", canRefuse
			case hasAttr[*atlas.Constraint](part.I.Attrs):
				object.kind, object.effect = "exclusion constraint", canRefuse
			}
			others = append(others, object)
		case *schema.DropForeignKey:
			others = append(others, othersObject{"foreign key", part.F.Symbol, canRefuse})
		case *schema.DropCheck:
			others = append(others, othersObject{"check", part.C.Name, canRefuse})
		case *schema.AddCheck:
			part.Extra = append(part.Extra, &atlas.NotValid{})
			return []schema.Change{part}
		case *schema.ModifyCheck:
			return []schema.Change{&schema.DropCheck{C: part.From}, &schema.AddCheck{C: part.To, Extra: []schema.Clause{&atlas.NotValid{}}}}
		default:
			return []schema.Change{part}
		}
		return nil
	})
	return own, others
}

// keepComments keeps the comments of a table and its columns and indexes out of
// the comparison where the schema declares none.
func keepComments(current, wanted *schema.Schema) {
	keep := func(current, wanted *[]schema.Attr) {
		if !hasAttr[*schema.Comment](*wanted) {
			*current = schema.RemoveAttr[*schema.Comment](*current)
		}
	}
	for _, table := range current.Tables {
		own, ok := wanted.Table(table.Name)
		if !ok {
			continue
		}
		keep(&table.Attrs, &own.Attrs)
		for _, column := range table.Columns {
			if declared, ok := own.Column(column.Name); ok {
				keep(&column.Attrs, &declared.Attrs)
			}
		}
		for _, index := range table.Indexes {
			if declared, ok := own.Index(index.Name); ok {
				keep(&index.Attrs, &declared.Attrs)
			}
		}
		if table.PrimaryKey != nil && own.PrimaryKey != nil {
			keep(&table.PrimaryKey.Attrs, &own.PrimaryKey.Attrs)
		}
	}
}

// checkKinds fails when something else than an ordinary table has the name of
// one of the schema's.
func (i *inspector) checkKinds(ctx context.Context, tables []string) error {
	const query = `
		SELECT coalesce(string_agg(format('%I is %s', relname,
		           CASE relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
		                        WHEN 'p' THEN 'a partitioned table' WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' WHEN 'I' THEN 'an index'
		                        WHEN 'c' THEN 'a composite type' ELSE 'something else than a table' END), ', '), '')
		  FROM pg_class
		 WHERE relnamespace = quote_ident(current_schema())::regnamespace
		   AND relname = ANY($1)
		   AND relkind <> 'r'`
	var found string
	if err := i.tx.QueryRowContext(ctx, query, tables).Scan(&found); err != nil {
		return fmt.Errorf("look for what has the tables' names: %w", err)
	}
	if found != "" {
		return fmt.Errorf("nothing was changed: %s, and not of this service: rename it, or have search_path begin with another schema", found)
	}
	return nil
}

// checkOwn fails when a table of the database's is somebody else's, though it
// has a name of the schema's: when it lacks a column that the schema's has needed
// from the first row on, which is one of the primary key or without a default,
// or has that of another kind of type; and when it has such a column that the
// schema doesn't know, unless that may be dropped.
func checkOwn(current, wanted *schema.Schema, allowDestructive bool) error {
	for _, table := range current.Tables {
		declared, ok := wanted.Table(table.Name)
		if !ok {
			continue
		}
		var signs []string
		for _, column := range declared.Columns {
			if !isEssential(declared, column) {
				continue
			}
			switch found, ok := table.Column(column.Name); {
			case !ok:
				signs = append(signs, "it has no column "+column.Name)
			case reflect.TypeOf(found.Type.Type) != reflect.TypeOf(column.Type.Type):
				signs = append(signs, fmt.Sprintf("its %s is %s, not %s", column.Name, found.Type.Raw, column.Type.Raw))
			}
		}
		for _, column := range table.Columns {
			if _, ok := declared.Column(column.Name); !ok && !allowDestructive && isRequired(column) {
				signs = append(signs, fmt.Sprintf("each row of it needs a value for %s", column.Name))
			}
		}
		if len(signs) > 0 {
			return fmt.Errorf("nothing was changed: the table %s is not of this service (%s): rename it, or have search_path begin with another schema",
				table.Name, strings.Join(signs, ", "))
		}
	}
	return nil
}

// isEssential reports whether a table can't have been without a column.
func isEssential(table *schema.Table, column *schema.Column) bool {
	return isRequired(column) || table.PrimaryKey != nil &&
		slices.ContainsFunc(table.PrimaryKey.Parts, func(part *schema.IndexPart) bool { return part.C != nil && part.C.Name == column.Name })
}

// isRequired reports whether each new row has to say what is in a column.
func isRequired(column *schema.Column) bool {
	return !column.Type.Null && column.Default == nil &&
		!hasAttr[*atlas.Identity](column.Attrs) && !hasAttr[*schema.GeneratedExpr](column.Attrs)
}

// others returns the triggers on the tables, and the tables of the same names in
// further schemas of the search path when they are hidden only from now on.
func (i *inspector) others(ctx context.Context, current *schema.Schema, tables []string) ([]othersObject, error) {
	existing := []string{} // nil would be NULL.
	for _, table := range current.Tables {
		existing = append(existing, table.Name)
	}
	const query = `
		SELECT 'trigger' AS kind, tgname::text AS name, $3 AS effect
		  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		 WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname = ANY($1) AND NOT t.tgisinternal
		 UNION ALL
		SELECT 'table', format('%I.%I', n.nspname, c.relname), 'it is hidden from now on by the new one in the schema that search_path names before'
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = ANY($2) AND NOT c.relname = ANY($1)
		   AND n.nspname = ANY(current_schemas(false)) AND n.nspname <> current_schema()
		 ORDER BY kind, name`
	columns := func(o *othersObject) []any { return []any{&o.kind, &o.name, &o.effect} }
	found, err := collect(ctx, i.tx, columns, query, existing, tables, canRefuse)
	if err != nil {
		return nil, fmt.Errorf("look for what others have made: %w", err)
	}
	return found, nil
}

// dependents returns what the server says of the objects that kept a statement
// from being run. Of other errors the details have rows in them.
func dependents(err error) string {
	const dependentObjectsStillExist, featureNotSupported = "2BP01", "0A000"
	if failed, ok := pgError(err); ok && failed.Detail != "" && hasState(err, dependentObjectsStillExist, featureNotSupported) {
		return ": " + strings.ReplaceAll(failed.Detail, "\n", ", ")
	}
	return ""
}
