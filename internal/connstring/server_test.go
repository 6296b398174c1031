package connstring_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"example.com/todo-backend/internal/connstring"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/database/databasetest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestConnectionStringsOfProvidersAreAccepted(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://todo@127.0.0.1:5432/todo",
		"postgresql://neondb_owner:npg_secret@ep-cool-1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
		"postgresql://neondb_owner:npg_secret@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=verify-full&options=endpoint%3Dep-cool-1",
		"postgres://u:p@one.example,two.example:5433/todo?target_session_attrs=read-write&sslmode=require",
		"postgres://u:p@pgbouncer:6432/todo?default_query_exec_mode=exec&sslmode=disable",
		"postgres://u:p%40ss%2Fword@host/todo",
		"postgres:///todo?host=/var/run/postgresql",
		"postgres://u:p@db.example:25060/todo?sslmode=require&connect_timeout=10&application_name=todo",
		"postgresql://postgres.ref:p@aws-0-eu.pooler.supabase.com:6543/postgres?uselibpqcompat=true&sslmode=require",
		"postgres://u:pa$5WORD@host/todo",
	} {
		if err := connstring.Check(url); err != nil {
			t.Errorf("Check(%q): %v", url, err)
		}
		databasetest.Open(t, url, 16) // Needs no database.
	}
}

func TestErrorsAboutConnectionStringsShowNothingOfThem(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"",
		"canary",
		"mysql://canary:canary@canary/canary",
		"host=canary password=canary dbname=canary",
		"postgres://canary:canary@canary:port/canary",
		"postgres://canary:can%zzary@canary/canary",
		"postgres://canary:canary/canary?@canary:99999/canary",
		"postgres://canary:canary@canary/canary?sslmode=canary",
		"postgres://canary:canary@canary/canary?channel_binding=canary",
		"postgres://canary:canary@canary/canary?default_query_exec_mode=canary",
		"postgres://canary:canary@canary/canary?connect_timeout=canary",
		"postgres://canary:ca@nary?canary=canary@canary/canary",
		"postgres://canary:ca@nary/canary?canary@canary/canary",
		"postgres://canary:ca/nary?canary=canary@canary/canary",
		"postgres://canary@canary/canary?sslmode=disable&canary%20=canary",
		"postgres://canary@canary/canary?options=-c%20canary%3Dcanary",
		"postgres://canary@canary:1,canary:2/canary?port=1,2,3",
	} {
		_, openErr := database.Open(database.Config{URL: url, MaxConns: 1, Logger: slog.New(slog.DiscardHandler)})
		for _, err := range []error{connstring.Check(url), openErr} {
			if err == nil {
				t.Errorf("%q is accepted", url)
				continue
			}
			for ; err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("%q: the error shows it: %v", url, err)
				}
			}
		}
	}
}

func TestAMissingCertificateFileIsNamed(t *testing.T) {
	t.Parallel()
	err := connstring.Check("postgres://u:canary@host/todo?sslmode=verify-full&sslrootcert=/nowhere/root.crt")
	if err == nil || !strings.Contains(err.Error(), "/nowhere/root.crt") || strings.Contains(err.Error(), "canary") {
		t.Errorf("Check: %v, want an error that names the file and no password", err)
	}
}

// TestTheListOfTheServersParametersIsComplete asks the server of the tests.
func TestTheListOfTheServersParametersIsComplete(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyDatabase(t)
	conn := pgtest.Connect(t, url) // One: a hundred would be half of what the server has.
	names := strings.Fields(pgtest.QueryText(t, conn, `
		SELECT string_agg(name, ' ')
		FROM   pg_settings
		WHERE  context IN ('user', 'superuser', 'backend', 'superuser-backend')
		  AND  name NOT LIKE 'transaction\_%'`))
	if len(names) < 100 {
		t.Fatalf("%d parameters: %v", len(names), names)
	}
	for _, name := range names {
		// Its own value, which those take that take few.
		value := pgtest.QueryText(t, conn, "SELECT current_setting('"+name+"')")
		switch err := connstring.Check(pgtest.WithParameter(url, name, value)); name {
		case "tcp_user_timeout":
			if err == nil { // libpq's means this side's.
				t.Errorf("%s is taken for the server's", name)
			}
		default:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name := range strings.FieldsSeq(pgtest.QueryText(t, conn, `
		SELECT string_agg(name, ' ') FROM pg_settings WHERE context IN ('postmaster', 'sighup', 'internal') AND name <> 'port'`)) {
		if err := connstring.Check(pgtest.WithParameter(url, name, "1")); err == nil {
			t.Errorf("%s is taken, which no connection may set", name)
		}
	}
}
