package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"example.com/todo-backend/internal/connstring"
)

// serveConfig is what `todod serve` reads from the environment. .env.example
// and the README describe each variable; a test holds them to this struct.
type serveConfig struct {
	DatabaseURL   databaseURL `env:"DATABASE_URL,required"`
	BetterAuthURL origin      `env:"BETTER_AUTH_URL,required"`
	CORSOrigins   origins     `env:"CORS_ORIGINS,required"`

	LogLevel         logLevel    `env:"LOG_LEVEL" envDefault:"info"`
	CORSHeaders      headerNames `env:"CORS_HEADERS"`
	ListenAddr       listenAddr  `env:"LISTEN_ADDR" envDefault:":8080"`
	MaxConnections   number      `env:"MAX_CONNECTIONS" envDefault:"4096"`
	KeepAliveTimeout seconds     `env:"KEEP_ALIVE_TIMEOUT" envDefault:"620"` // Above the 600 of Google's load balancers.
	DatabaseMaxConns connections `env:"DATABASE_MAX_CONNS" envDefault:"16"`
	DatabaseBatches  number      `env:"DATABASE_BATCHES" envDefault:"2"` // 0: nothing is batched.
	JWTIssuer        string      `env:"JWT_ISSUER"`                      // Empty: BetterAuthURL.
	JWTAudience      string      `env:"JWT_AUDIENCE"`                    // Empty: BetterAuthURL.
	JWKSCacheTTL     seconds     `env:"JWKS_CACHE_TTL" envDefault:"3600"`
	JWKSMaxStale     seconds     `env:"JWKS_MAX_STALE" envDefault:"86400"`
	RateLimitRPS     number      `env:"RATE_LIMIT_RPS" envDefault:"50"`    // 0: no limit.
	MaxTodosPerUser  number      `env:"MAX_TODOS_PER_USER" envDefault:"0"` // 0: no limit.
	TrashRetention   days        `env:"TRASH_RETENTION" envDefault:"30"`   // 0: no trash.
	WatchesPerUser   number      `env:"WATCHES_PER_USER" envDefault:"10"`
	Watches          number      `env:"WATCHES" envDefault:"10000"`
	Reflection       toggle      `env:"REFLECTION" envDefault:"true"`
	ShutdownDelay    seconds     `env:"SHUTDOWN_DELAY" envDefault:"0"`

	AdminAddr    listenAddr `env:"ADMIN_ADDR"`                  // Empty: no metrics.
	OTLPEndpoint collector  `env:"OTEL_EXPORTER_OTLP_ENDPOINT"` // Empty: no traces.
}

// check finds settings that contradict each other or are zero. isFaulty reports
// whether one of the named settings already has a fault.
func (c *serveConfig) check(isFaulty func(names ...string) bool) error {
	var errs []error
	if c.MaxConnections == 0 && !isFaulty("MAX_CONNECTIONS") {
		errs = append(errs, errors.New("MAX_CONNECTIONS must be at least 1"))
	}
	if c.KeepAliveTimeout == 0 && !isFaulty("KEEP_ALIVE_TIMEOUT") {
		errs = append(errs, errors.New("KEEP_ALIVE_TIMEOUT must be at least 1"))
	}
	if c.WatchesPerUser == 0 && !isFaulty("WATCHES_PER_USER") {
		errs = append(errs, errors.New("WATCHES_PER_USER must be at least 1"))
	}
	if c.Watches == 0 && !isFaulty("WATCHES") {
		errs = append(errs, errors.New("WATCHES must be at least 1"))
	}
	if c.JWKSCacheTTL == 0 && !isFaulty("JWKS_CACHE_TTL") {
		errs = append(errs, errors.New("JWKS_CACHE_TTL must be at least 1"))
	}
	if c.JWKSMaxStale < c.JWKSCacheTTL && !isFaulty("JWKS_CACHE_TTL", "JWKS_MAX_STALE") {
		errs = append(errs, errors.New("JWKS_MAX_STALE must not be less than JWKS_CACHE_TTL"))
	}
	return errors.Join(errs...)
}

// migrateConfig is what `todod migrate` reads from the environment.
type migrateConfig struct {
	DatabaseURL       databaseURL `env:"DATABASE_URL,required"`
	DatabaseDirectURL databaseURL `env:"DATABASE_DIRECT_URL"` // Preferred when set.
	LogLevel          logLevel    `env:"LOG_LEVEL" envDefault:"info"`
}

func (c *migrateConfig) check(func(...string) bool) error { return nil }

// moveConfig is what `todod move-user` reads from the environment.
type moveConfig struct {
	DatabaseURL       databaseURL `env:"DATABASE_URL,required"`
	DatabaseDirectURL databaseURL `env:"DATABASE_DIRECT_URL"` // Preferred when set.
	TargetDatabaseURL databaseURL `env:"TARGET_DATABASE_URL,required"`
	LogLevel          logLevel    `env:"LOG_LEVEL" envDefault:"info"`
}

func (c *moveConfig) check(func(...string) bool) error { return nil }

// loadConfig reads a configuration. Its error has one line for each variable that is
// missing or wrong, and contains no secret.
func loadConfig[C any, P interface {
	*C
	check(isFaulty func(names ...string) bool) error
}](getenv func(string) string) (C, error) {
	var cfg C
	params, err := env.GetFieldParams(&cfg)
	if err != nil {
		return cfg, err
	}
	var found faults
	file, err := readDotenv(dotenvFile)
	found.add("", err)
	environment := make(map[string]string)
	for _, param := range params {
		value, err := lookUp(param.Key, getenv, file)
		found.add(param.Key, err)
		// An empty variable counts as missing, so it stays out.
		if value != "" && err == nil {
			environment[param.Key] = value
		}
	}
	found.addParsed(reflect.TypeFor[C](), env.ParseWithOptions(&cfg, env.Options{Environment: environment}))
	found.add("", P(&cfg).check(found.has))
	return cfg, found.err()
}

// lookUp returns the value of a setting, empty when it has none.
func lookUp(name string, getenv func(string) string, file dotenv) (string, error) {
	value, err := readSetting(getenv(name), false)
	if value != "" || err != nil {
		return value, err
	}
	if value, err = readSetting(file[name], true); err != nil {
		err = fmt.Errorf("%w (in %s)", err, dotenvFile)
	}
	return value, err
}

// faults collects the faults of a configuration.
type faults struct {
	errs  []error
	names map[string]bool // The settings with a fault.
}

// add adds a fault of a setting. The error's text continues a sentence that begins with
// the setting's name; without a name the text is complete. A nil error adds nothing.
func (f *faults) add(name string, err error) {
	if err == nil {
		return
	}
	if several, ok := errors.AsType[severalErrors](err); ok && name != "" {
		for _, err := range several.Unwrap() {
			f.add(name, err)
		}
		return
	}
	if surroundings, ok := errors.AsType[*connstring.EnvironmentError](err); ok {
		if name, err = surroundings.Variable, surroundings; f.has(name) {
			return // Another connection string reported it.
		}
	} else if name != "" {
		err = fmt.Errorf("%s %w", name, err)
	}
	if f.names == nil {
		f.names = make(map[string]bool)
	}
	f.names[name] = true
	f.errs = append(f.errs, err)
}

// severalErrors is the interface of an error made by [errors.Join].
type severalErrors interface {
	error
	Unwrap() []error
}

// addParsed adds the library's errors. They name struct fields; the faults name
// variables.
func (f *faults) addParsed(config reflect.Type, err error) {
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		f.add("", err)
		return
	}
	for _, err := range aggregate.Errors {
		if missing, ok := errors.AsType[env.VarIsNotSetError](err); ok {
			if !f.has(missing.Key) { // Else it is set but wrong.
				f.add(missing.Key, errors.New("is required"))
			}
		} else if wrong, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := config.FieldByName(wrong.Name)
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			f.add(name, wrong.Err)
		} else {
			f.add("", err)
		}
	}
}

// has reports whether one of the settings has a fault.
func (f *faults) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.names[name] })
}

func (f *faults) err() error {
	if len(f.errs) == 0 {
		return nil
	}
	return fmt.Errorf("configuration:\n%w", errors.Join(f.errs...))
}

// logIgnored tells operators that libpq's variables have no effect.
func logIgnored(ctx context.Context, logger *slog.Logger, getenv func(string) string) {
	if names := connstring.IgnoredVariables(getenv); len(names) > 0 {
		logger.InfoContext(ctx, "variables of libpq have no effect: only the URL describes the database", "variables", names)
	}
}
