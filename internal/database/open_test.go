package database_test

import (
	"strings"
	"testing"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestADBNeedsAConnection(t *testing.T) {
	t.Parallel()
	if _, err := database.Open(database.Config{URL: "postgres://u@h/d", MaxConns: 0}); err == nil {
		t.Error("Open with MaxConns 0 succeeds")
	}
}

// TestAURLWithAllThatDoesNoHarmConnects says all of it to a server.
func TestAURLWithAllThatDoesNoHarmConnects(t *testing.T) {
	t.Parallel()
	url := newCounters(t, 1).url
	for name, value := range map[string]string{
		"sslmode": "prefer", "sslnegotiation": "postgres", "sslsni": "1", "channel_binding": "prefer", "target_session_attrs": "primary",
		"connect_timeout": "10", "gssencmode": "prefer", "keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10",
		"keepalives_count": "3", "sslcompression": "0", "load_balance_hosts": "disable", "uselibpqcompat": "true",
		"fallback_application_name": "fallback", "client_encoding": "utf8", "DateStyle": "ISO, DMY", "TimeZone": "Asia/Kolkata",
		"statement_timeout": "5s", "search_path": `"$user", public`, "app.user": "x", "options": `-c work_mem=1MB --lock-timeout=2s -c app.x=a\ b`,
		"pool_max_conn_idle_time": "1m", "standard_conforming_strings": "on", "default_query_exec_mode": "simple_protocol",
	} {
		if name != "sslmode" || !strings.Contains(url, "sslmode=") {
			url = pgtest.WithParameter(url, name, value)
		}
	}
	c := openCounters(t, url, 2)
	c.mustPut(t, "u", 1)
	conn, err := c.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var got string
	err = conn.QueryRow(t.Context(), `
		SELECT concat_ws('; ', current_setting('application_name'), current_setting('DateStyle'), current_setting('TimeZone'),
		       current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('app.x'))`).Scan(&got)
	if want := "fallback; ISO, DMY; Asia/Kolkata; 5s; 2s; a b"; err != nil || got != want {
		t.Errorf("the session has %q, %v, want %q", got, err, want)
	}
}
