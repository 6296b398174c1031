package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// required are the settings without which nothing starts.
func required() map[string]string {
	return map[string]string{
		"DATABASE_URL":    "postgres://user:pass@db.example.com/todo?sslmode=require&channel_binding=require",
		"BETTER_AUTH_URL": "https://auth.example.com",
		"CORS_ORIGINS":    "https://app.example.com",
	}
}

func load(settings map[string]string) (serveConfig, error) {
	return loadConfig[serveConfig](func(name string) string { return settings[name] })
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, err := load(required())
	if err != nil {
		t.Fatal(err)
	}
	want := serveConfig{
		DatabaseURL:      "postgres://user:pass@db.example.com/todo?sslmode=require&channel_binding=require",
		BetterAuthURL:    "https://auth.example.com",
		CORSOrigins:      origins{"https://app.example.com"},
		ListenAddr:       ":8080",
		MaxConnections:   4096,
		KeepAliveTimeout: seconds(620 * time.Second),
		DatabaseMaxConns: 16,
		DatabaseBatches:  2,
		JWKSCacheTTL:     seconds(time.Hour),
		JWKSMaxStale:     seconds(24 * time.Hour),
		RateLimitRPS:     50,
		TrashRetention:   days(30 * 24 * time.Hour),
		WatchesPerUser:   10,
		Watches:          10_000,
		Reflection:       true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAllFaultsAreReportedAtOnceByTheirNames(t *testing.T) {
	t.Parallel()
	_, err := load(map[string]string{
		"DATABASE_URL":       "postgres://user:canary@host:notaport/todo?pgbouncer=true",
		"BETTER_AUTH_URL":    "https://auth.example.com/path",
		"CORS_ORIGINS":       "https://app.example.com,*",
		"CORS_HEADERS":       "traceparent, a b",
		"LOG_LEVEL":          "loud",
		"LISTEN_ADDR":        "8080",
		"DATABASE_MAX_CONNS": "0",
		"JWKS_CACHE_TTL":     "1h",
		"RATE_LIMIT_RPS":     "-1",
		"MAX_TODOS_PER_USER": "1000001",
		"TRASH_RETENTION":    "3651",
		"WATCHES_PER_USER":   "-1",
		"WATCHES":            "many",
		"REFLECTION":         "maybe",
		"SHUTDOWN_DELAY":     "-1",
		"JWKS_MAX_STALE":     "1.5",
		"ADMIN_ADDR":         "9090",

		"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317",
	})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 20 {
		t.Errorf("%d lines, want a heading and 19:\n%v", len(lines), err)
	}
	for _, want := range []string{
		"DATABASE_URL needs each port to be a number", "DATABASE_URL has the parameter pgbouncer", "BETTER_AUTH_URL must have nothing after host and port", "CORS_ORIGINS must", "CORS_HEADERS must be names of headers",
		"LOG_LEVEL must be debug, info, warn or error", "LISTEN_ADDR must be like", "DATABASE_MAX_CONNS must be a number",
		"JWKS_CACHE_TTL must be whole seconds", "REFLECTION must be true or false",
		"RATE_LIMIT_RPS must be a number from 0 to", "MAX_TODOS_PER_USER must be a number from 0 to 1000000",
		"TRASH_RETENTION must be whole days from 0 to 3650", "WATCHES_PER_USER must be a number from 0", "WATCHES must be a number from 0",
		"SHUTDOWN_DELAY must be whole seconds", "JWKS_MAX_STALE must be whole seconds",
		"ADMIN_ADDR must be like", "OTEL_EXPORTER_OTLP_ENDPOINT must be like http://localhost:4318",
	} {
		if !strings.Contains(err.Error(), "\n"+want) {
			t.Errorf("no line begins with %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the password is in:\n%v", err)
	}
}

func TestTheAddressOfTheCollector(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"":                                 "",
		"http://localhost:4318":            "http://localhost:4318/v1/traces",
		"http://localhost:4318/":           "http://localhost:4318/v1/traces",
		"https://otlp.example.com/a/b/":    "https://otlp.example.com/a/b/v1/traces",
		"localhost:4318":                   "must be like",
		"grpc://localhost:4317":            "must be like",
		"http://":                          "must be like",
		"http://user:canary@localhost":     "must not have a password",
		"http://localhost:4318?key=canary": "must have nothing after its path",
	} {
		settings := required()
		settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
		cfg, err := load(settings)
		got := cfg.OTLPEndpoint.tracesURL()
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || !strings.Contains(got, want) || strings.Contains(got, "canary") {
			t.Errorf("%q: %s, want %s", endpoint, got, want)
		}
	}
}

func TestConnectionsAndWatchesHaveBounds(t *testing.T) {
	t.Parallel()
	settings := required()
	for _, name := range []string{"MAX_CONNECTIONS", "KEEP_ALIVE_TIMEOUT", "WATCHES_PER_USER", "WATCHES"} {
		settings[name] = "0"
	}
	_, err := load(settings)
	for _, want := range []string{
		"MAX_CONNECTIONS must be at least 1", "KEEP_ALIVE_TIMEOUT must be at least 1",
		"WATCHES_PER_USER must be at least 1", "WATCHES must be at least 1",
	} {
		if err == nil || !strings.Contains(err.Error(), "\n"+want) {
			t.Errorf("no line says %q: %v", want, err)
		}
	}
}

// TestAVariableThatMisleadsTheDriverIsNamed changes the environment, so it can't
// run in parallel.
func TestAVariableThatMisleadsTheDriverIsNamed(t *testing.T) {
	settings := required()
	settings["DATABASE_DIRECT_URL"] = settings["DATABASE_URL"]
	t.Setenv("PGSSLROOTCERT", "/nowhere/canary.crt") // Without effect.
	if _, err := load(settings); err != nil {
		t.Error(err)
	}
	t.Setenv("PGSERVICE", "x")
	_, serveErr := load(settings)
	migrateErr := run(t.Context(), []string{"migrate"}, func(name string) string { return settings[name] }, io.Discard)
	for _, err := range []error{serveErr, migrateErr} {
		if err == nil || !strings.HasPrefix(err.Error(), "configuration:\nPGSERVICE must not be set") || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("with PGSERVICE: %v", err)
		}
	}
}

func TestVariablesWithoutEffectAreNamedInTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"PGPASSWORD": "canary", "PGHOST": "canary"})
	line := s.logs.wait(t, func(line logLine) bool { return line["variables"] != nil }, s.done)
	if fmt.Sprint(line["variables"]) != "[PGHOST PGPASSWORD]" || line["level"] != "INFO" || strings.Contains(s.logs.text(), "canary") {
		t.Errorf("%v", line)
	}
}

func TestWhatIsRequiredIsNamedWhenMissingOrEmpty(t *testing.T) {
	t.Parallel()
	_, err := load(map[string]string{"DATABASE_URL": "", "BETTER_AUTH_URL": " "})
	for _, name := range []string{"DATABASE_URL", "BETTER_AUTH_URL", "CORS_ORIGINS"} {
		if err == nil || !strings.Contains(err.Error(), "\n"+name+" is required") {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
}

func TestStaleKeysAreKeptNoShorterThanFreshOnes(t *testing.T) {
	t.Parallel()
	settings := required()
	settings["JWKS_CACHE_TTL"], settings["JWKS_MAX_STALE"] = "60", "59"
	if _, err := load(settings); err == nil || !strings.Contains(err.Error(), "JWKS_MAX_STALE") {
		t.Error(err)
	}
}

// variables returns the names of all settings and their defaults.
func variables() map[string]string {
	all := make(map[string]string)
	for _, config := range []reflect.Type{reflect.TypeFor[serveConfig](), reflect.TypeFor[migrateConfig](), reflect.TypeFor[moveConfig]()} {
		for field := range config.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			all[name] = field.Tag.Get("envDefault")
		}
	}
	return all
}

func TestEnvExampleHasEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", ".env.example")
	file, err := readDotenv(path)
	if err != nil {
		t.Fatal(err)
	}
	example := make(map[string]string)
	for name, raw := range file {
		if example[name], err = readSetting(raw, true); err != nil {
			t.Errorf("%s %v", name, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range variables() {
		got, found := example[name]
		if !found {
			t.Errorf("%s is missing", name)
		}
		if _, needed := required()[name]; !needed && got != value {
			t.Errorf("%s is %q, the default is %q", name, got, value)
		}
		if !regexp.MustCompile(`(?m)^# .+\n` + name + `=`).Match(text) {
			t.Errorf("%s has no comment", name)
		}
		delete(example, name)
	}
	if len(example) > 0 {
		t.Errorf("no such settings: %v", example)
	}
	if _, err := load(map[string]string{}); err == nil {
		t.Error("the test's own folder configures the service")
	}
}

func TestTheReadmeHasEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (.+?) \\|").FindAllSubmatch(readme, -1) {
		listed[string(row[1])] = strings.Trim(string(row[2]), "`")
	}
	for name, value := range variables() {
		if _, needed := required()[name]; needed {
			value = "required"
		}
		// One that defaults to another names it.
		if got := strings.TrimPrefix(listed[name], "none"); got != value && (value != "" || variables()[got] == "" && required()[got] == "") {
			t.Errorf("%s: the README says %q, the code %q", name, got, value)
		}
		delete(listed, name)
	}
	if len(listed) > 0 {
		t.Errorf("no such settings: %v", listed)
	}
}

func TestTheCommandLine(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for _, args := range [][]string{{}, {"start"}, {"serve", "now"}, {"migrate", "--force"}, {"migrate", "now"}, {"healthcheck", "now"}, {"erase-user"}, {"erase-user", "alice", "bob"}, {"renew-epochs", "now"}} {
		if err := run(context.Background(), args, none, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	var stdout strings.Builder
	if err := run(context.Background(), []string{"version"}, none, &stdout); err != nil || stdout.String() != version+"\n" {
		t.Errorf("version: %q, %v", stdout.String(), err)
	}
}

func TestATakenPortFailsTheStart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	settings := required()
	settings["LISTEN_ADDR"] = strings.TrimPrefix(s.url, "http://")
	err := run(t.Context(), []string{"serve"}, func(name string) string { return settings[name] }, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}

func TestAConfigurationShowsNoPasswordHoweverItIsPrinted(t *testing.T) {
	t.Parallel()
	const secret = "canary"
	settings := required()
	settings["DATABASE_URL"] = "postgres://u:" + secret + "@h/d"
	settings["DATABASE_DIRECT_URL"] = settings["DATABASE_URL"]
	getenv := func(name string) string { return settings[name] }
	serve, err := loadConfig[serveConfig](getenv)
	if err != nil {
		t.Fatal(err)
	}
	migrate, err := loadConfig[migrateConfig](getenv)
	if err != nil {
		t.Fatal(err)
	}
	settings["TARGET_DATABASE_URL"] = settings["DATABASE_URL"]
	move, err := loadConfig[moveConfig](getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []any{serve, &serve, migrate, &migrate, move, &move, serve.DatabaseURL, &serve.DatabaseURL, []databaseURL{serve.DatabaseURL}} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%10.3s", "%t"} {
			fmt.Fprintf(&printed, verb+"\n", config)
		}
		fmt.Fprintln(&printed, config)
		encoded, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(encoded)
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
			slog.New(handler).Info("start", "config", config, slog.Group("group", "config", config))
		}
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret), fmt.Sprint([]byte(secret))} {
			if strings.Contains(printed.String(), form) {
				t.Errorf("a %T shows the password as %q:\n%s", config, form, printed.String())
			}
		}
		if !strings.Contains(printed.String(), redacted) {
			t.Errorf("a %T shows nothing:\n%s", config, printed.String())
		}
	}
}
