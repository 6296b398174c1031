package main

import (
	"cmp"
	"context"
	"flag"
	"io"

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
	cfg, err := loadConfig[migrateConfig](getenv)
	if err != nil {
		return err
	}
	// In the background: while a reader of the log stops, the migration must not keep
	// its locks.
	log := newLogWriter(stdout)
	defer log.close()
	logger := newLogger(log, cfg.LogLevel)
	logIgnored(ctx, logger, getenv)
	return database.Migrate(ctx, database.MigrateConfig{
		URL:              string(cmp.Or(cfg.DatabaseDirectURL, cfg.DatabaseURL)),
		Schema:           todobackend.Schema,
		AllowDestructive: *allowDestructive,
		Logger:           logger,
	})
}
