//go:build linux

package stack

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Session returns a connection besides the service's, closed when the test has
// ended.
func Session(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		_ = conn.Close(ctx) // Nothing is left to save.
	})
	return conn
}

// Ask returns the one value that a query gives.
func Ask[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// Execute runs statements.
func Execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// HostOf returns host and port of a database's URL.
func HostOf(database string) string {
	_, rest, _ := strings.Cut(database, "@")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// ThroughHost returns a database's URL with another host and port.
func ThroughHost(database, host string) string {
	return strings.Replace(database, "@"+HostOf(database)+"/", "@"+host+"/", 1)
}
