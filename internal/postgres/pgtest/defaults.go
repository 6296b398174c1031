package pgtest

import (
	"fmt"
	"strings"
	"testing"
)

// OddDefaults gives the sessions of a database defaults that differ from PostgreSQL's
// own, some by the database and some by the role.
func OddDefaults(t testing.TB, url string) {
	t.Helper()
	conn := Connect(t, url)
	database := "DATABASE " + conn.Config().Database
	// A role's defaults win over those of the database, and hold in all databases,
	// but for those in one.
	role := "ROLE " + conn.Config().User + " IN " + database
	for name, value := range oddDefaults() {
		on := database
		if len(name)%2 == 0 {
			on = role
		}
		ExecOn(t, conn, fmt.Sprintf("ALTER %s SET %s = '%s'", on, name, value))
	}
	ExecOn(t, conn, "ALTER "+database+` SET search_path = "$user", public`)
	got := QueryText(t, Connect(t, url), "SELECT concat_ws('; ', current_setting('DateStyle'), current_setting('client_encoding'))")
	if !strings.Contains(got, "German, DMY; LATIN1") {
		t.Fatalf("pgtest: the defaults are not in force: %s", got)
	}
}

func oddDefaults() map[string]string {
	return map[string]string{
		"DateStyle":                           "German, DMY",
		"TimeZone":                            "America/St_Johns", // -03:30:52 before 1935.
		"IntervalStyle":                       "sql_standard",
		"bytea_output":                        "escape",
		"client_encoding":                     "LATIN1",
		"standard_conforming_strings":         "off",
		"backslash_quote":                     "on",
		"array_nulls":                         "off",
		"extra_float_digits":                  "-15",
		"default_transaction_isolation":       "serializable",
		"default_transaction_deferrable":      "on",
		"transform_null_equals":               "on",
		"quote_all_identifiers":               "on",
		"lc_messages":                         "C",
		"client_min_messages":                 "debug5",
		"row_security":                        "off",
		"plan_cache_mode":                     "force_generic_plan",
		"statement_timeout":                   "20s",
		"lock_timeout":                        "20s",
		"idle_in_transaction_session_timeout": "20s",
		"session_replication_role":            "replica",
		"synchronous_commit":                  "off",
		"enable_indexscan":                    "off",
		"jit_above_cost":                      "0",
	}
}
