package main

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// serveConfig is what `todod serve` reads from the environment. .env.example
// and the README describe each variable; a test holds them to this struct.
type serveConfig struct {
	DatabaseURL   databaseURL `env:"DATABASE_URL,required"`
	BetterAuthURL origin      `env:"BETTER_AUTH_URL,required"`
	CORSOrigins   []origin    `env:"CORS_ORIGINS,required"`

	LogLevel                 logLevel    `env:"LOG_LEVEL" envDefault:"info"`
	ListenAddr               listenAddr  `env:"LISTEN_ADDR" envDefault:":8080"`
	MaxConnections           number      `env:"MAX_CONNECTIONS" envDefault:"4096"`
	KeepAliveTimeout         seconds     `env:"KEEP_ALIVE_TIMEOUT" envDefault:"620"` // Above the 600 of Google's load balancers.
	DatabaseMaxConns         connections `env:"DATABASE_MAX_CONNS" envDefault:"16"`
	DatabaseSharedStatements number      `env:"DATABASE_SHARED_STATEMENTS" envDefault:"4"` // 0: none is shared.
	JWTIssuer                string      `env:"JWT_ISSUER"`                                // Empty: BetterAuthURL.
	JWTAudience              string      `env:"JWT_AUDIENCE"`                              // Empty: BetterAuthURL.
	JWKSCacheTTL             seconds     `env:"JWKS_CACHE_TTL" envDefault:"3600"`
	JWKSMaxStale             seconds     `env:"JWKS_MAX_STALE" envDefault:"86400"`
	RateLimitRPS             number      `env:"RATE_LIMIT_RPS" envDefault:"50"`    // 0: no limit.
	MaxTodosPerUser          number      `env:"MAX_TODOS_PER_USER" envDefault:"0"` // 0: no limit.
	Reflection               toggle      `env:"REFLECTION" envDefault:"true"`
	ShutdownDelay            seconds     `env:"SHUTDOWN_DELAY" envDefault:"0"`
}

// check finds what is wrong with the settings together.
func (c *serveConfig) check() error {
	var errs []error
	if c.MaxConnections == 0 {
		errs = append(errs, errors.New("MAX_CONNECTIONS must be at least 1"))
	}
	if c.KeepAliveTimeout == 0 {
		errs = append(errs, errors.New("KEEP_ALIVE_TIMEOUT must be at least 1"))
	}
	if c.JWKSCacheTTL == 0 {
		errs = append(errs, errors.New("JWKS_CACHE_TTL must be at least 1"))
	}
	if c.JWKSMaxStale < c.JWKSCacheTTL {
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

func (c *migrateConfig) check() error { return nil }

// dotenvFile fills in what the environment leaves out.
const dotenvFile = ".env"

// loadConfig reads a configuration. Its error names each variable that is
// missing or wrong on a line of its own, all of them at once, and contains no
// secret.
func loadConfig[C any, P interface {
	*C
	check() error
}](getenv func(string) string) (C, error) {
	var cfg C
	file, err := readDotenv()
	if err != nil {
		return cfg, fmt.Errorf("configuration:\n%w", err)
	}
	params, err := env.GetFieldParams(&cfg)
	if err != nil {
		return cfg, err
	}
	environment := make(map[string]string)
	for _, param := range params {
		value := strings.TrimSpace(getenv(param.Key))
		if value == "" {
			value = strings.TrimSpace(file[param.Key])
		}
		// An empty variable counts as missing, so it stays out.
		if value != "" {
			environment[param.Key] = value
		}
	}
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: environment}); err != nil {
		return cfg, fmt.Errorf("configuration:\n%w", namedErrors(reflect.TypeFor[C](), err))
	}
	if err := P(&cfg).check(); err != nil {
		return cfg, fmt.Errorf("configuration:\n%w", err)
	}
	return cfg, nil
}

// namedErrors turns the library's errors, which name struct fields, into ones
// that name variables.
func namedErrors(config reflect.Type, err error) error {
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return err
	}
	var errs []error
	for _, err := range aggregate.Errors {
		if missing, ok := errors.AsType[env.VarIsNotSetError](err); ok {
			errs = append(errs, fmt.Errorf("%s is required", missing.Key))
		} else if wrong, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := config.FieldByName(wrong.Name)
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			errs = append(errs, fmt.Errorf("%s %w", name, wrong.Err))
		} else {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func readDotenv() (map[string]string, error) {
	file, err := godotenv.Read(dotenvFile)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return file, nil
	}
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return nil, err
	}
	// The parser's own error quotes the file, secrets included.
	return nil, fmt.Errorf("%s has a line that is not NAME=value", dotenvFile)
}
