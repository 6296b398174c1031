package connstring

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// read returns what a connection string says, by the names of parameters. It
// fails for what the service can't do, or wouldn't do as it was meant.
func read(text string) (said map[string]string, err error) {
	said, parameters, err := splitURL(text)
	if err != nil {
		return nil, err
	}
	var errs []error
	seen := make(map[string]bool)
	for parameter := range strings.SplitSeq(parameters, "&") {
		if parameters == "" {
			break
		}
		name, value, err := splitParameter(parameter)
		if err != nil {
			return nil, err
		}
		switch {
		case seen[name]:
			err = fmt.Errorf("has %s twice", name)
		default:
			err = checkParameter(name, value)
		}
		seen[name] = true
		if err != nil {
			errs = append(errs, err)
		}
		said[name] = value
	}
	if said["ssl"] != "" { // The one form that libpq takes of JDBC's.
		if seen["sslmode"] {
			errs = append(errs, errors.New("has both ssl and sslmode"))
		}
		said["sslmode"] = "require"
		delete(said, "ssl")
	}
	if err := checkPorts(said["port"]); err != nil {
		errs = append(errs, err)
	}
	return said, errors.Join(errs...)
}

// splitParameter takes name=value apart. The names of the server's parameters
// are the same in any case.
func splitParameter(parameter string) (name, value string, err error) {
	encodedName, encodedValue, found := strings.Cut(parameter, "=")
	if !found || strings.Contains(encodedValue, "=") {
		return "", "", errors.New("has a parameter that is not name=value, or an = in a value that is not written %3D")
	}
	if name, err = decode(encodedName); err != nil {
		return "", "", err
	}
	if value, err = decode(encodedValue); err != nil {
		return "", "", err
	}
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.$-]{0,62}$`).MatchString(name) {
		return "", "", errors.New("has a parameter whose name is none: special characters in the password have to be percent-encoded")
	}
	switch {
	case name == "dbname":
		name = "database"
	case isServerParameter(name):
		name = strings.ToLower(name)
	}
	return name, value, nil
}

// checkParameter fails unless the service does what a parameter says.
func checkParameter(name, value string) error {
	if advice := cmp.Or(adviceOn(name), adviceOn(strings.ToLower(name))); advice != "" {
		return fmt.Errorf("has the parameter %s, which isn't supported: %s", name, advice)
	}
	if values := valuesOf(name); values != nil {
		if !slices.Contains(values, value) {
			return fmt.Errorf("needs %s to be %s", name, strings.Join(values, " or "))
		}
		return nil
	}
	switch name {
	case "host", "port", "database", "user", "password", "passfile",
		"sslrootcert", "sslcert", "sslkey", "sslpassword", "require_auth", "fallback_application_name":
		if value == "" {
			return fmt.Errorf("has %s without a value", name)
		}
		return nil
	case "options":
		return checkSwitches(value)
	case "connect_timeout":
		return checkNumber(name, value, 1, 60)
	case "statement_cache_capacity", "description_cache_capacity":
		return checkNumber(name, value, 0, 100_000)
	case "keepalives_idle", "keepalives_interval", "keepalives_count":
		return checkNumber(name, value, 1, 32_767)
	case "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_health_check_period":
		return checkDuration(name, value, time.Second)
	case "pool_max_conn_lifetime_jitter":
		return checkDuration(name, value, 0)
	}
	switch lower := strings.ToLower(name); {
	case !isServerParameter(name) && lower != name && isKnown(lower):
		return fmt.Errorf("has the parameter %s: write it in lower case", name)
	case !isServerParameter(name):
		return fmt.Errorf("has the parameter %s, which neither the driver nor a PostgreSQL server knows: leave it out", name)
	}
	return checkServerParameter(name, value)
}

// isKnown reports whether a name is that of a parameter.
func isKnown(name string) bool {
	err := checkParameter(name, "")
	return err == nil || !strings.Contains(err.Error(), "neither the driver")
}

// checkServerParameter fails for values that the service can't work with. The
// server checks all others, when it is connected to.
func checkServerParameter(name, value string) error {
	switch name {
	case "client_encoding":
		if form := strings.ReplaceAll(strings.ToUpper(value), "-", ""); form != "UTF8" && form != "UNICODE" {
			return errors.New("needs client_encoding to be UTF8, which it is without being said")
		}
	case "datestyle":
		if style, _, _ := strings.Cut(value, ","); !strings.EqualFold(strings.TrimSpace(style), "ISO") {
			return errors.New("needs DateStyle to be ISO, which is what the driver reads")
		}
	case "standard_conforming_strings":
		if !strings.EqualFold(value, "on") {
			return errors.New("needs standard_conforming_strings to be on, which is what the driver writes")
		}
	}
	return nil
}

// checkSwitches fails for what options sets and no server knows.
func checkSwitches(options string) error {
	for _, name := range switchNames(options) {
		if !isServerParameter(name) {
			return errors.New("has something in options that no PostgreSQL server knows as a parameter")
		}
	}
	return nil
}

func checkNumber(name, value string, least, most int) error {
	if n, err := strconv.Atoi(value); err != nil || n < least || n > most {
		return fmt.Errorf("needs %s to be a number from %d to %d", name, least, most)
	}
	return nil
}

func checkDuration(name, value string, least time.Duration) error {
	const most = 30 * 24 * time.Hour
	if d, err := time.ParseDuration(value); err != nil || d < least || d > most {
		return fmt.Errorf("needs %s to be a duration from %v to %v, like 90s or 10m", name, least, most)
	}
	return nil
}

func checkPorts(ports string) error {
	for port := range strings.SplitSeq(ports, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
			return errors.New("needs each port to be a number from 1 to 65535: " +
				"if there is none, special characters in the password have to be percent-encoded")
		}
	}
	return nil
}

// valuesOf returns the values that a parameter may have, nil when it isn't of
// those that have a few. libpq's that have no effect here are taken with the
// values that ask for nothing else.
func valuesOf(name string) []string {
	return map[string][]string{
		"channel_binding":          {"disable", "prefer", "require"},
		"default_query_exec_mode":  {"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"},
		"gssencmode":               {"disable", "prefer"}, // The driver has no GSSAPI encryption to prefer.
		"keepalives":               {"0", "1"},
		"load_balance_hosts":       {"disable"},
		"max_protocol_version":     {"3.0", "3.2", "latest"},
		"min_protocol_version":     {"3.0", "3.2", "latest"},
		"ssl":                      {"true"},
		"ssl_min_protocol_version": {"TLSv1.2", "TLSv1.3"},
		"sslcertmode":              {"disable", "allow", "require"},
		"sslcompression":           {"0"},
		"sslmode":                  {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
		"sslnegotiation":           {"postgres", "direct"},
		"sslsni":                   {"0", "1"},
		"target_session_attrs":     {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
		"uselibpqcompat":           {"true"},
	}[name]
}

// adviceOn says what to do instead of writing a parameter, empty for those that
// may be written. It knows those of libpq, of the driver's pool, and of other
// drivers, with which connection strings get here.
func adviceOn(name string) string {
	const (
		ownBounds  = "leave it out, the service has bounds of its own (docs/operations.md)"
		noKerberos = "leave it out, the service knows no Kerberos"
	)
	switch name {
	case "pool_max_conns", "connection_limit", "pool_size", "max_pool_size", "maxPoolSize", "maximumPoolSize":
		return "set DATABASE_MAX_CONNS"
	case "pool_min_conns", "pool_min_idle_conns", "minPoolSize", "minimumIdle":
		return "leave it out, connections are made when they are needed"
	case "pool_ping_timeout", "pool_timeout", "socket_timeout", "socketTimeout", "tcp_user_timeout", "max_idle_connection_lifetime":
		return ownBounds
	case "loginTimeout", "connectTimeout", "connection_timeout":
		return "write connect_timeout"
	case "schema", "currentSchema":
		return "write search_path"
	case "ApplicationName":
		return "write application_name"
	case "pgbouncer", "prepareThreshold", "prepared_statements", "prefer_simple_protocol", "binary_parameters",
		"statement_cache_size", "prepared_statement_cache_size":
		return "leave it out, or write default_query_exec_mode=exec for PgBouncer before 1.21"
	case "sslaccept":
		return "write sslmode=verify-full for strict, sslmode=require for accept_invalid_certs"
	case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		return "write default_" + name
	case "hostaddr":
		return "write the address as the host"
	case "service", "servicefile":
		return "write what the service file says"
	case "sslcrl", "sslcrldir", "ssl_max_protocol_version", "sslkeylogfile", "requirepeer",
		"scram_client_key", "scram_server_key", "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope":
		return "leave it out, the driver can't do it"
	case "replication":
		return "leave it out, the service runs ordinary statements"
	case "krbsrvname", "krbspn", "gsslib", "gssdelegation":
		return noKerberos
	case "authtype", "tty":
		return "leave it out, it has had no effect for long"
	}
	return ""
}
