package connstring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
)

const someURL = "postgres://u:pw@db.example:5433/d"

func TestWhatAURLCantMeanIsRefusedByName(t *testing.T) {
	t.Parallel()
	for parameters, want := range map[string]string{
		// Of other drivers.
		"pgbouncer=true":           "pgbouncer, which isn't supported: leave it out, or write default_query_exec_mode=exec",
		"schema=public":            "schema, which isn't supported: write search_path",
		"currentSchema=public":     "currentSchema, which isn't supported: write search_path",
		"connection_limit=5":       "connection_limit, which isn't supported: set DATABASE_MAX_CONNS",
		"statement_cache_size=0":   "statement_cache_size, which isn't supported: leave it out, or",
		"sslaccept=strict":         "sslaccept, which isn't supported: write sslmode=verify-full",
		"ssl=false":                "needs ssl to be true",
		"ssl=true&sslmode=disable": "has both ssl and sslmode",
		"sslmod=require":           "sslmod, which neither the driver nor a PostgreSQL server knows",
		"SSLMODE=require":          "SSLMODE: write it in lower case",
		"frobnicate=on":            "frobnicate, which neither",
		"max_connections=5":        "max_connections, which neither", // The server's own, not a connection's.
		"server_encoding=UTF8":     "server_encoding, which neither",
		"_pq_.x=1":                 "_pq_.x, which neither",

		// Of the driver.
		"pool_max_conns=5":                  "pool_max_conns, which isn't supported: set DATABASE_MAX_CONNS",
		"pool_min_conns=5":                  "pool_min_conns, which isn't supported: leave it out",
		"pool_ping_timeout=1s":              "pool_ping_timeout, which isn't supported: leave it out",
		"pool_max_conn_lifetime=0":          "needs pool_max_conn_lifetime to be a duration from 1s",
		"pool_max_conn_idle_time=soon":      "needs pool_max_conn_idle_time to be a duration from 1s",
		"pool_health_check_period=0s":       "needs pool_health_check_period to be a duration from 1s",
		"pool_max_conn_lifetime_jitter=-1s": "needs pool_max_conn_lifetime_jitter to be a duration from 0s",
		"connect_timeout=0":                 "needs connect_timeout to be a number from 1 to 60",
		"connect_timeout=3s":                "needs connect_timeout to be a number from 1 to 60",
		"sslmode=on":                        "needs sslmode to be disable or allow",
		"sslmode=":                          "needs sslmode to be disable or allow",
		"sslnegotiation=tls":                "needs sslnegotiation to be postgres or direct",
		"sslsni=false":                      "needs sslsni to be 0 or 1",
		"sslcertmode=maybe":                 "needs sslcertmode to be",
		"channel_binding=on":                "needs channel_binding to be",
		"target_session_attrs=master":       "needs target_session_attrs to be",
		"max_protocol_version=2":            "needs max_protocol_version to be",
		"default_query_exec_mode=prepare":   "needs default_query_exec_mode to be",
		"require_auth=kerberos5":            "needs require_auth to be a list",
		"statement_cache_capacity=0":        "needs statement_cache_capacity above 0",
		"statement_cache_capacity=-1":       "needs statement_cache_capacity to be a number from 0",
		"description_cache_capacity=0&default_query_exec_mode=cache_describe": "needs description_cache_capacity above 0",
		"sslcert=/nowhere": "needs sslcert and sslkey, or neither",
		"sslmode=verify-full&sslrootcert=/nowhere/root.crt": "names a file that can't be read: open /nowhere/root.crt",
		"sslmode=verify-full&sslrootcert=/dev/null":         "has certificates or a key that can't be used",
		"passfile=/nowhere&password=":                       "has password without a value",
		"service=x":                                         "service, which isn't supported",
		"krbsrvname=postgres":                               "krbsrvname, which isn't supported",

		// Of libpq.
		"hostaddr=127.0.0.1":               "hostaddr, which isn't supported: write the address as the host",
		"gssencmode=require":               "needs gssencmode to be disable or prefer",
		"keepalives=yes":                   "needs keepalives to be 0 or 1",
		"keepalives_idle=-1":               "needs keepalives_idle to be a number from 1",
		"tcp_user_timeout=1000":            "tcp_user_timeout, which isn't supported",
		"load_balance_hosts=random":        "needs load_balance_hosts to be disable",
		"sslcompression=1":                 "needs sslcompression to be 0",
		"sslcrl=/crl":                      "sslcrl, which isn't supported",
		"ssl_min_protocol_version=TLSv1":   "needs ssl_min_protocol_version to be TLSv1.2 or TLSv1.3",
		"ssl_max_protocol_version=TLSv1.2": "ssl_max_protocol_version, which isn't supported",
		"replication=database":             "replication, which isn't supported",
		"requirepeer=x":                    "requirepeer, which isn't supported",

		// Of the server.
		"client_encoding=LATIN1":                "needs client_encoding to be UTF8",
		"DateStyle=German":                      "needs DateStyle to be ISO",
		"standard_conforming_strings=off":       "needs standard_conforming_strings to be on",
		"transaction_read_only=on":              "write default_transaction_read_only",
		"options=-c%20frobnicate%3D1":           "has something in options",
		"options=--frobnicate%3D1":              "has something in options",
		"options=-c%20work_mem%3D1MB%20-cx%3D1": "has something in options",

		// Of nobody.
		"TimeZone=UTC&timezone=UTC":     "has timezone twice",
		"sslmode=disable&sslmode=allow": "has sslmode twice",
		"host=":                         "has host without a value",
		"port=5432,x":                   "needs each port to be a number",
		"port=0":                        "needs each port to be a number",
		"sslmode":                       "has a parameter that is not name=value",
		"sslmode=require&":              "has a parameter that is not name=value",
		"search_path=a=b":               "has a parameter that is not name=value",
		"=x":                            "has a parameter whose name is none",
		"search path=x":                 "must be like",
		"search_path=%zz":               "must be like",
		"search_path=%00":               "must be like",
	} {
		err := Check(someURL + "?" + parameters)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("?%s: %v, want an error with %q", parameters, err, want)
		}
	}
	err := Check(someURL + "?pgbouncer=true&schema=public&sslmode=require&connect_timeout=x")
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all three faults are told: %v", err)
	}
}

func TestWhatAURLSaysIsDone(t *testing.T) {
	t.Parallel()
	base := parse(t, someURL)
	for parameters, change := range map[string]func(*described){
		"search_path=app&TimeZone=Europe/Berlin":         func(d *described) { d.Parameters["search_path"], d.Parameters["timezone"] = "app", "Europe/Berlin" },
		"statement_timeout=1s&plpgsql.x=y":               func(d *described) { d.Parameters["statement_timeout"], d.Parameters["plpgsql.x"] = "1s", "y" },
		"options=endpoint%3Dep-cool-1":                   func(d *described) { d.Parameters["options"] = "endpoint=ep-cool-1" },
		"options=-c%20role%3Da\\%20b%20--work-mem%3D1MB": func(d *described) { d.Parameters["options"] = `-c role=a\ b --work-mem=1MB` },
		"application_name=a+b%26c":                       func(d *described) { d.Parameters["application_name"] = "a+b&c" },
		"application_name=it's\\a":                       func(d *described) { d.Parameters["application_name"] = `it's\a` },
		"fallback_application_name=a":                    func(d *described) { d.Parameters["application_name"] = "a" },
		"application_name=b&fallback_application_name=a": func(d *described) { d.Parameters["application_name"] = "b" },
		"client_encoding=utf-8":                          func(*described) {},
		"DateStyle=ISO,DMY":                              func(d *described) { d.Parameters["datestyle"] = "ISO,DMY" },
		"default_query_exec_mode=exec":                   func(d *described) { d.Mode, d.Parameters["datestyle"] = "exec", "ISO, MDY" },
		"default_query_exec_mode=exec&datestyle=iso":     func(d *described) { d.Mode, d.Parameters["datestyle"] = "exec", "iso" },
		"default_query_exec_mode=simple_protocol": func(d *described) {
			d.Mode, d.Parameters["datestyle"], d.Parameters["standard_conforming_strings"] = "simple protocol", "ISO, MDY", "on"
		},
		"sslmode=disable":                     func(d *described) { d.Addresses = []string{"db.example:5433"} },
		"ssl=true":                            func(d *described) { d.Addresses = []string{"db.example:5433 TLS"} },
		"sslmode=require&uselibpqcompat=true": func(d *described) { d.Addresses = []string{"db.example:5433 TLS"} },
		"sslmode=require&ssl_min_protocol_version=TLSv1.3": func(d *described) { d.Addresses = []string{"db.example:5433 TLS1.3"} },
		"host=a,b&port=1,2&sslmode=disable":                func(d *described) { d.Addresses = []string{"a:1", "b:2"} },
		"host=/run/pg":                                     func(d *described) { d.Addresses = []string{"/run/pg:5433"} },
		"user=v&password=w&dbname=e":                       func(d *described) { d.User, d.Password, d.Database = "v", "w", "e" },
		"connect_timeout=20":                               func(d *described) { d.Timeouts[0] = 20 * time.Second },
		"pool_max_conn_idle_time=1m&pool_max_conn_lifetime=2m&pool_max_conn_lifetime_jitter=3s&pool_health_check_period=4s": func(d *described) {
			copy(d.Timeouts[1:], []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Second, 4 * time.Second})
		},
		"channel_binding=require&require_auth=scram-sha-256&target_session_attrs=read-write&sslnegotiation=postgres&sslsni=1&sslcertmode=allow": func(d *described) {
			d.Binding, d.Auth, d.Validates = "require", "scram-sha-256", true
		},
		"gssencmode=disable&sslcompression=0&load_balance_hosts=disable&keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3": func(*described) {},
	} {
		want := parse(t, someURL) // A map of its own.
		change(&want)
		if diff := cmp.Diff(want, parse(t, someURL+"?"+parameters)); diff != "" {
			t.Errorf("?%s (-want +got):\n%s", parameters, diff)
		}
	}
	if diff := cmp.Diff(described{
		Addresses: []string{"db.example:5433 TLS", "db.example:5433"}, User: "u", Password: "pw", Database: "d",
		Parameters: map[string]string{"client_encoding": "UTF8"}, Mode: "cache statement", Binding: "prefer",
		Timeouts: []time.Duration{0, idleTimeout, lifetime, lifetimeJitter, healthCheckPeriod},
	}, base); diff != "" {
		t.Errorf("without parameters (-want +got):\n%s", diff)
	}
}

func TestThePrimaryIsSoughtAmongSeveralHosts(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://u@one,two/d?target_session_attrs=read-write":  true,
		"postgres://u@one,two/d?target_session_attrs=primary":     true,
		"postgres://u@one:1,one:2/d?target_session_attrs=primary": true,
		"postgres://u@one,two/d":                                  false,
		"postgres://u@one,two/d?target_session_attrs=any":         false,
		"postgres://u@one,two/d?target_session_attrs=standby":     false,
		"postgres://u@one/d?target_session_attrs=read-write":      false,
		"no connection string":                                    false,
	} {
		if got := SeeksPrimary(url); got != want {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}

func TestTheFrontOfAURLIsReadAsLibpqDoes(t *testing.T) {
	t.Parallel()
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for front, want := range map[string]string{
		"u:p@h/d":                      "u p d h:5432",
		"u:p%40s%2F%3fs%2b+@h:1/d%20e": "u p@s/?s++ d e h:1",
		"u:p?s:s=x@h/d":                "u p?s:s=x d h:5432",
		"u@h":                          "u   h:5432",
		"u@[::1]:1,[fe80::1%25eth0]/d": "u  d ::1:1 fe80::1%eth0:5432",
		"u@a,b:2,c/d":                  "u  d a:5432 b:2 c:5432",
		"u@%2Frun%2Fpg/d":              "u  d /run/pg:5432",
		"h/d":                          account.Username + "  d h:5432",
		"h:/":                          account.Username + "   h:5432",
	} {
		got := parse(t, "postgresql://"+front+"?sslmode=disable")
		text := strings.Join(append([]string{got.User, got.Password, got.Database}, got.Addresses...), " ")
		if text != want {
			t.Errorf("%s is read as %q, want %q", front, text, want)
		}
	}
}

// described is what a connection string comes to.
type described struct {
	Addresses                []string // TLS where it is tried.
	User, Password, Database string
	Parameters               map[string]string
	Mode, Binding, Auth      string
	Timeouts                 []time.Duration
	Validates                bool
	Files                    []string
}

func parse(t *testing.T, url string) described {
	t.Helper()
	config, err := Parse(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return describe(config)
}

func describe(config *pgxpool.Config) described {
	c := config.ConnConfig
	d := described{
		User: c.User, Password: c.Password, Database: c.Database, Parameters: c.RuntimeParams,
		Mode: c.DefaultQueryExecMode.String(), Binding: c.ChannelBinding, Auth: c.RequireAuth,
		Timeouts:  []time.Duration{c.ConnectTimeout, config.MaxConnIdleTime, config.MaxConnLifetime, config.MaxConnLifetimeJitter, config.HealthCheckPeriod},
		Validates: c.ValidateConnect != nil,
	}
	add := func(host string, port uint16, isTLS, is13, hasRoots, hasCertificate bool) {
		address := fmt.Sprintf("%s:%d", host, port)
		switch {
		case is13:
			address += " TLS1.3"
		case isTLS:
			address += " TLS"
		}
		if hasRoots || hasCertificate {
			d.Files = append(d.Files, address)
		}
		d.Addresses = append(d.Addresses, address)
	}
	add(c.Host, c.Port, c.TLSConfig != nil, c.TLSConfig != nil && c.TLSConfig.MinVersion != 0,
		c.TLSConfig != nil && c.TLSConfig.RootCAs != nil, c.TLSConfig != nil && len(c.TLSConfig.Certificates) > 0)
	for _, f := range c.Fallbacks {
		add(f.Host, f.Port, f.TLSConfig != nil, f.TLSConfig != nil && f.TLSConfig.MinVersion != 0,
			f.TLSConfig != nil && f.TLSConfig.RootCAs != nil, f.TLSConfig != nil && len(f.TLSConfig.Certificates) > 0)
	}
	return d
}

// TestTheEnvironmentChangesNothing sets all variables that the driver reads, and
// puts all files where it looks for them. (It can't run in parallel.)
func TestTheEnvironmentChangesNothing(t *testing.T) {
	urls := []string{someURL, "postgres://u@h/d", "postgres://h", "postgres:///d?host=/run/pg", "postgres://u@h/d?sslmode=verify-full"}
	var before []described
	for _, url := range urls {
		before = append(before, parse(t, url))
	}
	values := map[string]string{
		"PGHOST": "canary", "PGPORT": "1", "PGDATABASE": "canary", "PGUSER": "canary", "PGPASSWORD": "canary", "PGPASSFILE": "/canary",
		"PGAPPNAME": "canary", "PGCONNECT_TIMEOUT": "canary", "PGSSLMODE": "canary", "PGSSLKEY": "/canary", "PGSSLCERT": "/canary",
		"PGSSLCERTMODE": "canary", "PGSSLSNI": "0", "PGSSLROOTCERT": "/canary", "PGSSLPASSWORD": "canary", "PGSSLNEGOTIATION": "direct",
		"PGTARGETSESSIONATTRS": "canary", "PGSERVICEFILE": "/canary", "PGTZ": "canary", "PGOPTIONS": "-c work_mem=1",
		"PGMINPROTOCOLVERSION": "canary", "PGMAXPROTOCOLVERSION": "canary", "PGCHANNELBINDING": "canary", "PGREQUIREAUTH": "canary",
	}
	for _, name := range environmentOfTheDriver(t) {
		value, known := values[name]
		if !known && name != "PGSERVICE" {
			t.Errorf("the driver reads %s, of which this test knows nothing", name)
		}
		t.Setenv(name, value)
	}
	ignored := IgnoredVariables(os.Getenv)
	for name := range values {
		if !slices.Contains(ignored, name) {
			t.Errorf("%s is not said to be ignored", name)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	for path, content := range map[string]string{
		".pgpass":                    "*:*:*:*:canary\n",
		".pg_service.conf":           "[x]\nhost=canary\n",
		".postgresql/root.crt":       "canary",
		".postgresql/postgresql.crt": "canary",
		".postgresql/postgresql.key": "canary",
	} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, url := range urls {
		if diff := cmp.Diff(before[i], parse(t, url)); diff != "" {
			t.Errorf("%s (-without +with an environment):\n%s", url, diff)
		}
	}

	// The one whose effect can't be undone is named, and the URL's own faults too.
	t.Setenv("PGSERVICE", "x")
	err := Check(someURL + "?schema=x")
	environment, ok := errors.AsType[*EnvironmentError](err)
	if !ok || environment.Variable != "PGSERVICE" || !strings.Contains(err.Error(), "schema") {
		t.Errorf("with PGSERVICE: %v", err)
	}
}

// environmentOfTheDriver returns the variables that the driver's source names.
func environmentOfTheDriver(t *testing.T) []string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/jackc/pgx/v5/pgconn").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"(PG[A-Z_]+)":`).FindAllStringSubmatch(string(source), -1)
	var found []string
	for _, name := range names {
		found = append(found, name[1])
	}
	if len(found) < 20 || !slices.Contains(found, "PGHOST") {
		t.Fatalf("the driver's source was not understood: %v", found)
	}
	return found
}

func TestAPasswordMayBeInAFileThatTheURLNames(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte("h:5432:d:u:from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := parse(t, "postgres://u@h/d?passfile="+file).Password; got != "from-file" {
		t.Errorf("the password is %q", got)
	}
	for _, url := range []string{"postgres://u@h/d?passfile=/nowhere", "postgres://v@h/d?passfile=" + file} {
		if err := Check(url); err == nil || !strings.Contains(err.Error(), "passfile") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
