// Package connstring reads PostgreSQL's connection strings for pgxpool: as libpq does, but
// by what they say alone, and each of their parameters has its effect or is refused by
// name.
package connstring

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The bounds of a connection's life, where a connection string has no others.
const (
	// Short, so that a serverless database may go to sleep.
	idleTimeout       = 2 * time.Minute
	healthCheckPeriod = 30 * time.Second

	lifetime       = 30 * time.Minute
	lifetimeJitter = 5 * time.Minute
)

// Check says what is wrong with a connection string, in words that complete
// a sentence which begins with its name; all of it at once, joined. The words
// show no part of the URL but the names of its parameters and files, since it
// may hold a password.
func Check(text string) error {
	_, err := Parse(text)
	return err
}

// SeeksPrimary reports whether a connection string that [Check] accepts names several
// hosts, of which the primary is meant.
func SeeksPrimary(text string) bool {
	said, err := read(text)
	target := said["target_session_attrs"]
	return err == nil && strings.Contains(said["host"], ",") && (target == "read-write" || target == "primary")
}

// EnvironmentError says that a variable of the process's environment keeps a
// connection string from meaning what it says.
type EnvironmentError struct{ Variable string }

// Error implements error: a sentence about the variable.
func (e *EnvironmentError) Error() string {
	return e.Variable + " must not be set: it names a service file, and the connection string alone says which database is meant"
}

// IgnoredVariables returns the names of the variables that are set, and would
// change what a connection string means if libpq read it.
func IgnoredVariables(getenv func(string) string) (names []string) {
	// PostgreSQL's manual, section "Environment Variables" of libpq, but for
	// PGSERVICE.
	const libpq = `PGAPPNAME PGCHANNELBINDING PGCLIENTENCODING PGCONNECT_TIMEOUT PGDATABASE PGDATESTYLE PGGEQO
		PGGSSDELEGATION PGGSSENCMODE PGGSSLIB PGHOST PGHOSTADDR PGKRBSRVNAME PGLOADBALANCEHOSTS PGMAXPROTOCOLVERSION
		PGMINPROTOCOLVERSION PGOPTIONS PGPASSFILE PGPASSWORD PGPORT PGREQUIREAUTH PGREQUIREPEER PGSERVICEFILE
		PGSSLCERT PGSSLCERTMODE PGSSLCOMPRESSION PGSSLCRL PGSSLCRLDIR PGSSLKEY PGSSLMAXPROTOCOLVERSION
		PGSSLMINPROTOCOLVERSION PGSSLMODE PGSSLNEGOTIATION PGSSLPASSWORD PGSSLROOTCERT PGSSLSNI
		PGTARGETSESSIONATTRS PGTZ PGUSER`
	for name := range strings.FieldsSeq(libpq) {
		if getenv(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// errURL says what a connection string is, when it can't be told what is wrong.
var errURL = errors.New("must be like postgres://user:password@host:5432/database?sslmode=require, " +
	"with percent-encoding for special characters in user and password")

// Parse reads a connection string that [Check] accepts. What it doesn't say has a default of this
// service's or of libpq's, whatever the environment has: the driver would take
// it from PGHOST, PGSSLMODE, ~/.pgpass and others.
func Parse(text string) (*pgxpool.Config, error) {
	said, err := read(text)
	//nolint:forbidigo // The driver reads it, and nothing in a connection string can undo that.
	if os.Getenv("PGSERVICE") != "" {
		err = errors.Join(err, &EnvironmentError{"PGSERVICE"})
	}
	if err != nil {
		return nil, err
	}
	if said["user"] == "" {
		account, err := user.Current()
		if err != nil {
			return nil, errors.New("must name a user: postgres://user@host/database")
		}
		said["user"] = account.Username // As libpq does.
	}
	given := driverDefaults()
	maps.Copy(given, said)
	for name := range strings.FieldsSeq(ownParameters) {
		delete(given, name)
	}
	// The driver's own errors quote the string.
	config, err := pgxpool.ParseConfig(keywords(given))
	if err != nil {
		return nil, parseError(err, said)
	}
	return config, configure(config, said)
}

// driverDefaults are the values of what the driver would look for elsewhere when
// a connection string leaves it out.
func driverDefaults() map[string]string {
	return map[string]string{
		"host": "", "port": "", "database": "", "password": "", "passfile": "",
		"application_name": "", "options": "", "timezone": "",
		"connect_timeout": "0", "target_session_attrs": "any",
		"sslmode": "prefer", "sslnegotiation": "postgres", "sslsni": "1", "sslcertmode": "allow",
		"sslrootcert": "", "sslcert": "", "sslkey": "", "sslpassword": "",
		"channel_binding": "prefer", "require_auth": "",
		"min_protocol_version": "", "max_protocol_version": "",

		"pool_max_conn_idle_time":       idleTimeout.String(),
		"pool_max_conn_lifetime":        lifetime.String(),
		"pool_max_conn_lifetime_jitter": lifetimeJitter.String(),
		"pool_health_check_period":      healthCheckPeriod.String(),
	}
}

// ownParameters are those of a connection string that configure reads, since the
// driver knows none of them.
const ownParameters = `fallback_application_name gssencmode keepalives keepalives_count keepalives_idle
	keepalives_interval load_balance_hosts ssl_min_protocol_version sslcompression uselibpqcompat`

// keywords writes a connection string of keywords and values.
func keywords(settings map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(settings[name])
		b.WriteString(name + "='" + value + "' ")
	}
	return b.String()
}

// parseError says why the driver refuses what read has let pass.
func parseError(err error, said map[string]string) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("names a file that can't be read: %w", file)
	}
	switch {
	case (said["sslcert"] == "") != (said["sslkey"] == ""):
		return errors.New("needs sslcert and sslkey, or neither")
	case said["sslrootcert"] != "" || said["sslcert"] != "":
		return errors.New("has certificates or a key that can't be used: see sslrootcert, sslcert, sslkey and sslpassword")
	case said["require_auth"] != "":
		return errors.New("needs require_auth to be a list of password, md5, scram-sha-256, none and the like, all or none with ! in front")
	}
	return errURL
}

// configure completes a configuration that the driver has made of what a
// connection string has said.
func configure(config *pgxpool.Config, said map[string]string) error {
	c := config.ConnConfig
	for _, name := range []string{"application_name", "options", "timezone"} {
		if said[name] == "" {
			delete(c.RuntimeParams, name)
		}
	}
	if name := cmp.Or(said["application_name"], said["fallback_application_name"]); name != "" {
		c.RuntimeParams["application_name"] = name
	}
	// The driver speaks UTF-8, whatever the database's or the role's default is.
	// Results as text are read in one style of dates, and arguments within a
	// statement written with one meaning of backslashes. Poolers take these three.
	c.RuntimeParams["client_encoding"] = "UTF8"
	switch c.DefaultQueryExecMode {
	case pgx.QueryExecModeSimpleProtocol:
		c.RuntimeParams["standard_conforming_strings"] = "on"
		fallthrough
	case pgx.QueryExecModeExec:
		c.RuntimeParams["datestyle"] = cmp.Or(said["datestyle"], "ISO, MDY")
	case pgx.QueryExecModeCacheStatement:
		if c.StatementCacheCapacity < 1 {
			return errors.New("needs statement_cache_capacity above 0, or default_query_exec_mode=exec")
		}
	case pgx.QueryExecModeCacheDescribe:
		if c.DescriptionCacheCapacity < 1 {
			return errors.New("needs description_cache_capacity above 0, or default_query_exec_mode=exec")
		}
	case pgx.QueryExecModeDescribeExec:
	}
	if said["passfile"] != "" && said["password"] == "" && c.Password == "" {
		return errors.New("names a passfile that can't be read, or has no line for its host, port, database and user")
	}
	if said["ssl_min_protocol_version"] == "TLSv1.3" {
		requireTLS13(c.TLSConfig)
		for _, fallback := range c.Fallbacks {
			requireTLS13(fallback.TLSConfig)
		}
	}
	if dialer, ok := keepAliveDialer(said); ok {
		dialer.Timeout = c.ConnectTimeout
		c.DialFunc = dialer.DialContext
	}
	c.AfterConnect = checkEncoding
	return nil
}

func requireTLS13(config *tls.Config) {
	if config != nil {
		config.MinVersion = tls.VersionTLS13
	}
}

// keepAliveDialer returns a dialer with libpq's settings of keep-alives, if a
// connection string has any. What it leaves out is Go's default.
func keepAliveDialer(said map[string]string) (dialer *net.Dialer, ok bool) {
	number := func(name string) (n int) {
		if text, found := said[name]; found {
			ok = true
			n, _ = strconv.Atoi(text) // read has checked it.
		}
		return n
	}
	dialer = new(net.Dialer)
	dialer.KeepAliveConfig = net.KeepAliveConfig{
		Enable:   true,
		Idle:     time.Duration(number("keepalives_idle")) * time.Second,
		Interval: time.Duration(number("keepalives_interval")) * time.Second,
		Count:    number("keepalives_count"),
	}
	if said["keepalives"] == "0" {
		dialer.KeepAliveConfig, dialer.KeepAlive = net.KeepAliveConfig{}, -1
		return dialer, true
	}
	return dialer, ok
}

// checkEncoding refuses a connection to a database that can't hold all text, or
// counts bytes where the schema counts characters. The server tells it on each
// connection, so that nothing is ever stored in the wrong one.
func checkEncoding(_ context.Context, conn *pgconn.PgConn) error {
	encoding := conn.ParameterStatus("server_encoding")
	if encoding == "" || encoding == "UTF8" { // Some poolers don't tell.
		return nil
	}
	return fmt.Errorf("the database's encoding is %q and must be UTF8: make another one by CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0", encoding)
}
