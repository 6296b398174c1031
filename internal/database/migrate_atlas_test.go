//go:build atlas

// These tests build the atlas command, which takes minutes when nothing of it
// is in Go's cache.

package database_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// synced is what the command says when there is nothing to do.
const synced = "Schema is synced, no changes to be made\n"

func TestTheAtlasCommandAgreesWithMigrate(t *testing.T) {
	t.Parallel()
	atlas := filepath.Join(t.TempDir(), "atlas")
	command(t, nil, "go", "build", "-modfile=tools/atlas.mod", "-o", atlas, "ariga.io/atlas/cmd/atlas")

	for _, env := range []struct {
		name, variable string
		nothing        string // What it prints when there is nothing to do.
	}{
		{"local", "DATABASE_URL", synced},
		{"neon", "DATABASE_URL", synced},
		{"neon", "DATABASE_DIRECT_URL", synced},
		{"ci", "DATABASE_URL", `{"Changes":{}}` + "\n"},
	} {
		t.Run("in "+env.name+" by "+env.variable, func(t *testing.T) {
			t.Parallel()
			apply := func(t *testing.T, databaseURL string, args ...string) string {
				t.Helper()
				// As Neon's URLs are pasted.
				variables := []string{env.variable + "=" + pgtest.WithParameter(databaseURL, "channel_binding", "prefer"), "ATLAS_DEV_URL=" + pgtest.NewEmptyDatabase(t)}
				return command(t, variables, atlas, append([]string{"schema", "apply", "--env", env.name}, args...)...)
			}

			t.Run("it plans nothing after Migrate", func(t *testing.T) {
				t.Parallel()
				databaseURL := pgtest.NewEmptyDatabase(t)
				pgtest.Exec(t, databaseURL, oldSchema+";"+betterAuthSchema)
				migrate(t, database.MigrateConfig{URL: databaseURL})
				if got := apply(t, databaseURL, "--dry-run"); got != env.nothing {
					t.Errorf("it plans:\n%s", got)
				}
			})
			t.Run("Migrate applies nothing after it", func(t *testing.T) {
				t.Parallel()
				databaseURL := pgtest.NewEmptyDatabase(t)
				connection := pgtest.Connect(t, databaseURL)
				pgtest.ExecOn(t, connection, oldSchema+";"+betterAuthSchema)
				apply(t, databaseURL, "--auto-approve", "--var", "allow_destructive=true")
				logged := migrate(t, database.MigrateConfig{URL: databaseURL})
				if got := append(logged.statements(slog.LevelInfo), logged.statements(slog.LevelWarn)...); len(got) > 0 {
					t.Errorf("Migrate applied or left out %q", got)
				}
				if diff := cmp.Diff(catalog(t, pgtest.Connect(t, pgtest.NewDatabase(t))), catalog(t, connection)); diff != "" {
					t.Errorf("table (-schema.sql +applied):\n%s", diff)
				}
				if got := pgtest.QueryText(t, connection, `SELECT concat(count(*), ' of ', (SELECT count(*) FROM todo)) FROM active`); got != "1 of 1" {
					t.Errorf("%s rows of Better Auth and of todo left", got)
				}
			})
			t.Run("it leaves out what may lose data", func(t *testing.T) {
				t.Parallel()
				databaseURL := pgtest.NewEmptyDatabase(t)
				pgtest.Exec(t, databaseURL, todobackend.Schema+`; ALTER TABLE todo ADD urgency int, ALTER description TYPE text;
					CREATE TABLE "user" (id varchar(255) PRIMARY KEY); CREATE INDEX theirs ON todo (title);
					ALTER TABLE todo ADD CONSTRAINT their_fk FOREIGN KEY (user_id) REFERENCES "user" (id)`)
				if got := apply(t, databaseURL, "--dry-run"); got != env.nothing {
					t.Errorf("it plans:\n%s", got)
				}
				allowed := apply(t, databaseURL, "--dry-run", "--var", "allow_destructive=true")
				for _, part := range []string{"DROP COLUMN", "urgency", "description", "TYPE character varying(2000)"} {
					if !strings.Contains(allowed, part) {
						t.Errorf("allowed to, it plans no %s:\n%s", part, allowed)
					}
				}
				if strings.Contains(allowed, "their") {
					t.Errorf("it plans for what others made:\n%s", allowed)
				}
			})
		})
	}
}

func TestMigratePlanPrintsSQLWithAndWithoutConfiguration(t *testing.T) {
	t.Parallel()
	const created = `CREATE TABLE "public"."todo"`
	if got := command(t, nil, "tools/migrate-plan.sh"); !strings.Contains(got, created) {
		t.Errorf("with nothing set it prints:\n%s", got)
	}
	variables := []string{"DATABASE_URL=" + pgtest.NewDatabase(t)}
	if got := command(t, variables, "tools/migrate-plan.sh"); got != synced {
		t.Errorf("for a database that is up to date it prints:\n%s", got)
	}
}

// command runs a command in the repository's root and returns what it prints.
// The variables are all that the environment has of atlas.hcl's.
func command(t *testing.T, variables []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "ATLAS_NO_UPDATE_NOTIFIER=1", "DATABASE_URL=", "DATABASE_DIRECT_URL=", "ATLAS_DEV_URL=")
	cmd.Env = append(cmd.Env, variables...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, stdout, stderr.String())
	}
	return string(stdout)
}
