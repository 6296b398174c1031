//go:build linux

package faults

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// session returns a connection besides the service's, closed when the test has
// ended.
func session(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = conn.Close(ctx) // Nothing is left to save.
	})
	return conn
}

// ask returns the one value that a query gives.
func ask[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// execute runs statements.
func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// hostOf returns host and port of a database's URL.
func hostOf(database string) string {
	_, rest, _ := strings.Cut(database, "@")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// throughHost returns a database's URL with another host and port.
func throughHost(database, host string) string {
	return strings.Replace(database, "@"+hostOf(database)+"/", "@"+host+"/", 1)
}
