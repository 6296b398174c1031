package database

import (
	"context"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

// migrationPlan is what a migration does about the differences that it finds.
type migrationPlan struct {
	apply    []*migrate.Change
	leaveOut []*migrate.Change // What may lose data.
	others   []othersObject
}

// newMigrationPlan plans how current becomes wanted. It changes both.
func newMigrationPlan(ctx context.Context, current, wanted *schema.Schema, allowDestructive bool) (*migrationPlan, error) {
	keepComments(current, wanted)
	// The tables, not the schemas that they are in, are compared.
	wanted.Name = current.Name
	wanted.Attrs, current.Attrs = nil, nil
	current.Objects = slices.DeleteFunc(current.Objects, func(o schema.Object) bool {
		return !slices.ContainsFunc(wanted.Objects, func(w schema.Object) bool { return typeName(w) == typeName(o) })
	})

	// Both schemas were read from the same server, which writes equal
	// expressions alike, so texts are compared. Atlas's differ with a
	// connection would execute defaults that differ, to see whether their values
	// do: a sequence moves, and an error ends the transaction.
	differences, err := atlas.DefaultDiff.SchemaDiff(current, wanted, schema.DiffNormalized())
	if err != nil {
		return nil, fmt.Errorf("compare the database with the wanted schema: %w", err)
	}
	plan := new(migrationPlan)
	differences, plan.others = leaveOthers(differences)
	var destructive []schema.Change
	if !allowDestructive {
		differences, destructive = splitChanges(differences)
	}
	if plan.apply, err = statements(ctx, differences); err != nil {
		return nil, err
	}
	if plan.leaveOut, err = statements(ctx, destructive); err != nil {
		return nil, err
	}
	return plan, nil
}

// statements returns the SQL of changes.
func statements(ctx context.Context, changes []schema.Change) ([]*migrate.Change, error) {
	plan, err := atlas.DefaultPlan.PlanChanges(ctx, "migrate", changes)
	if err != nil {
		return nil, fmt.Errorf("plan changes: %w", err)
	}
	return plan.Changes, nil
}

// typeName returns the name of a type, empty for other objects.
func typeName(o schema.Object) string {
	if named, ok := o.(schema.SpecTypeNamer); ok {
		return named.SpecName()
	}
	return ""
}

// splitChanges parts the changes that lose no data from the others.
func splitChanges(changes []schema.Change) (safe, destructive []schema.Change) {
	safe = eachPart(changes, func(table *schema.Table, part schema.Change) []schema.Change {
		if isSafe(part) {
			return []schema.Change{part}
		}
		if table != nil { // Each by itself, so that each gets a warning.
			part = &schema.ModifyTable{T: table, Changes: []schema.Change{part}}
		}
		destructive = append(destructive, part)
		return nil
	})
	return safe, destructive
}

// eachPart puts something in the place of each part of the changes of a table, and of
// each other change, for which the table is nil. A table that nothing is left for is
// left out.
func eachPart(changes []schema.Change, instead func(*schema.Table, schema.Change) []schema.Change) (all []schema.Change) {
	for _, change := range changes {
		modify, ok := change.(*schema.ModifyTable)
		if !ok {
			all = append(all, instead(nil, change)...)
			continue
		}
		var parts []schema.Change
		for _, part := range modify.Changes {
			parts = append(parts, instead(modify.T, part)...)
		}
		if len(parts) > 0 {
			all = append(all, &schema.ModifyTable{T: modify.T, Changes: parts})
		}
	}
	return all
}

// isSafe reports whether a change, of a table or within one, loses no data.
// Whatever is not known to be safe is not.
func isSafe(change schema.Change) bool {
	switch change := change.(type) {
	case *schema.AddTable, *schema.AddObject, *schema.AddColumn, *schema.AddPrimaryKey,
		*schema.AddIndex, *schema.ModifyIndex, *schema.DropIndex,
		*schema.AddCheck, *schema.ModifyCheck, *schema.DropCheck,
		*schema.AddForeignKey, *schema.ModifyForeignKey, *schema.DropForeignKey,
		*schema.AddAttr, *schema.ModifyAttr: // Comments.
		return true
	case *schema.ModifyColumn:
		// Rows that a new NOT NULL doesn't fit make the migration fail.
		return change.Change&^(schema.ChangeNull|schema.ChangeDefault|schema.ChangeComment) == 0
	default:
		return false
	}
}
