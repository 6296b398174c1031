package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"example.com/todo-backend/internal/postgres"
)

// slots is the number of slots among which users are spread. The balancers' configuration
// has the same.
const slots = 4096

// listTimeout bounds a statement that lists users: it reads all todos of a thousand of them.
const listTimeout = 10 * time.Minute

// slotOf returns the slot of a user, as HAProxy's crc32 and mod compute it.
func slotOf(user string) uint32 { return crc32.ChecksumIEEE([]byte(user)) % slots }

// slotRange is some of the slots.
type slotRange struct{ first, last uint32 }

// String implements [flag.Value].
func (r *slotRange) String() string { return fmt.Sprintf("%d-%d", r.first, r.last) }

// Set implements [flag.Value].
func (r *slotRange) Set(text string) error {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 32)
	to, err2 := strconv.ParseUint(last, 10, 32)
	if err1 != nil || err2 != nil || from > to || to >= slots {
		return fmt.Errorf("slots are like 0-1364, from 0 to %d", slots-1)
	}
	*r = slotRange{uint32(from), uint32(to)}
	return nil
}

// has reports whether a slot is one of them.
func (r *slotRange) has(slot uint32) bool { return r.first <= slot && slot <= r.last }

// listUsers prints the users of slots whose todos are in the database, one a line. A subject
// with a line break is no line: stderr says who is left out. That is no failure, or one such
// user would stop the scripts that move all others.
func listUsers(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	wanted := slotRange{0, slots - 1}
	flags := flag.NewFlagSet("list-users", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&wanted, "slots", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	cfg, err := loadConfig[migrateConfig](getenv)
	if err != nil {
		return err
	}
	logger := slog.New(slog.DiscardHandler) // Only users go to stdout, for scripts.
	db, err := openForMove(cmp.Or(cfg.DatabaseDirectURL, cfg.DatabaseURL), listTimeout, logger)
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(stdout)
	err = postgres.NewStore(db, postgres.Config{Logger: logger}).ListUsers(ctx, func(user string) error {
		if !wanted.has(slotOf(user)) {
			return nil
		}
		if strings.ContainsAny(user, "\r\n") {
			_, err := fmt.Fprintf(stderr, "todod: the user %q is left out: the subject has a line break\n", user)
			return err
		}
		_, err := fmt.Fprintln(out, user)
		return err
	})
	return errors.Join(err, out.Flush())
}
