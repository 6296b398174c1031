package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzLoadConfig reads any environment. A configuration that is accepted keeps
// to every bound; a refusal names variables only, and shows no password.
func FuzzLoadConfig(f *testing.F) {
	const database = "postgres://u:canary-password@h:5432/d?sslmode=disable"
	for _, seed := range [][6]string{
		{database, "https://auth.example.com", "https://a.example,http://localhost:5173", ":8080", "16", "3600"},
		{"postgresql://u:canary-password@h:port/d", "https://auth.example.com/path", "*", "8080", "0", "1h"},
		{"host=h password=canary-password", "ftp://a", "null", "::", "-1", "-1"},
		{"postgres://u:canary%zzpassword@h/d", "http://[::1]:3000/", "https://*.example", "[::1]:0", "9999999999", "99999999999"},
		{"postgres://u:canary-password@/d?host=/tmp", "HTTPS://A.Example:443", "https://a.example/,,", "localhost:http", "1e3", "1.5"},
		{database, "'https://BÜCHER.example'", "capacitor://localhost,http://[0::1]", `":8080"`, "16 # most", "${TTL}"},
		{"", "", "", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], "debug", "true")
	}
	names := variables()
	f.Fuzz(func(t *testing.T, database, issuer, origins, addr, conns, duration, level, on string) {
		cfg, err := load(map[string]string{
			"DATABASE_URL": database, "BETTER_AUTH_URL": issuer, "CORS_ORIGINS": origins, "LISTEN_ADDR": addr,
			"DATABASE_MAX_CONNS": conns, "JWKS_CACHE_TTL": duration, "SHUTDOWN_DELAY": duration, "LOG_LEVEL": level, "REFLECTION": on,
		})
		if err != nil {
			heading, faults, _ := strings.Cut(err.Error(), "\n")
			if heading != "configuration:" || faults == "" {
				t.Errorf("%v", err)
			}
			for fault := range strings.SplitSeq(faults, "\n") {
				name, _, _ := strings.Cut(fault, " ")
				if _, known := names[name]; !known {
					t.Errorf("a fault of no variable: %q", fault)
				}
			}
			// The name of a file that the URL has in its query is told.
			if _, query, _ := strings.Cut(database, "?"); strings.Contains(err.Error(), "canary") && !strings.Contains(query, "canary") {
				t.Errorf("the error shows the password: %v", err)
			}
			return
		}
		for _, one := range append(cfg.CORSOrigins, cfg.BetterAuthURL) {
			_, authority, _ := strings.Cut(string(one), "://")
			if again, err := readOrigin(string(one)); err != nil || again != string(one) || authority == "" || strings.ContainsAny(authority, "/?#@*,\\ ") {
				t.Errorf("the origin %q is read as %q, %v", one, again, err)
			}
		}
		if cfg.DatabaseMaxConns < 1 || cfg.DatabaseMaxConns > 10_000 {
			t.Errorf("%d connections", cfg.DatabaseMaxConns)
		}
		if ttl := time.Duration(cfg.JWKSCacheTTL); ttl < time.Second || cfg.JWKSMaxStale < cfg.JWKSCacheTTL {
			t.Errorf("keys are good for %v, and at most %v", ttl, time.Duration(cfg.JWKSMaxStale))
		}
		if delay := time.Duration(cfg.ShutdownDelay); delay < 0 || delay > 30*24*time.Hour {
			t.Errorf("the delay is %v", delay)
		}
		if _, _, err := net.SplitHostPort(string(cfg.ListenAddr)); err != nil {
			t.Errorf("the address is %q: %v", cfg.ListenAddr, err)
		}
	})
}
