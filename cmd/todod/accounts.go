package main

import (
	"context"
	"io"
	"log/slog"

	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/postgres"
	"example.com/todo-backend/internal/todo"
)

// eraseUser removes all that is kept of the user whose tokens have a subject.
func eraseUser(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) != 1 {
		return errUsage
	}
	owner, err := todo.ParseUserID(args[0])
	if err != nil {
		return err
	}
	return onStore(ctx, getenv, stdout, func(store *postgres.Store, logger *slog.Logger) error {
		n, err := store.EraseUser(ctx, owner)
		if err == nil {
			logger.InfoContext(ctx, "erased the user", "user_id", owner.String(), "todos", n)
		}
		return err
	})
}

// renewEpochs has all clients that sync start again.
func renewEpochs(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) > 0 {
		return errUsage
	}
	return onStore(ctx, getenv, stdout, func(store *postgres.Store, logger *slog.Logger) error {
		n, err := store.RenewEpochs(ctx)
		if err == nil {
			logger.InfoContext(ctx, "renewed the epochs", "accounts", n)
		}
		return err
	})
}

// onStore has run use a store on the database that a migration would change.
func onStore(ctx context.Context, getenv func(string) string, stdout io.Writer, run func(*postgres.Store, *slog.Logger) error) error {
	return onDatabase(ctx, getenv, stdout, func(url string, logger *slog.Logger) error {
		db, err := database.Open(database.Config{URL: url, MaxConns: 2, Logger: logger})
		if err != nil {
			return err
		}
		defer db.Close()
		return run(postgres.NewStore(db, postgres.Config{Logger: logger}), logger)
	})
}
