package main

import (
	"cmp"
	"context"
	"flag"
	"io"
	"log/slog"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/internal/database"
)

// migrate brings the database to the schema that the binary carries.
func migrate(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	allowDestructive := flags.Bool("allow-destructive", false, "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	return onDatabase(ctx, getenv, stdout, func(url string, logger *slog.Logger) error {
		return database.Migrate(ctx, database.MigrateConfig{
			URL:              url,
			Schema:           todobackend.Schema,
			AllowDestructive: *allowDestructive,
			Logger:           logger,
		})
	})
}

// onDatabase has run do something to the database, by the settings of [migrateConfig].
func onDatabase(ctx context.Context, getenv func(string) string, stdout io.Writer, run func(url string, logger *slog.Logger) error) error {
	cfg, err := loadConfig[migrateConfig](getenv)
	if err != nil {
		return err
	}
	// In the background: while a reader of the log stops, a migration must not keep its
	// locks.
	log, logger := startLog(ctx, stdout, cfg.LogLevel, getenv)
	defer log.close()
	return run(string(cmp.Or(cfg.DatabaseDirectURL, cfg.DatabaseURL)), logger)
}
